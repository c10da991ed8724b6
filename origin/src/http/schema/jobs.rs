//! Jobs as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::{BaseSchema, FormatSchema, JobIdSchema, LayerSchema, RecipeSchema};
use crate::clock::rfc3339;
use crate::jobs::{Budget, JobFailure, JobRecord, JobState, Work};

/// What to render ahead, and when to stop.
pub struct JobBody {
    pub work: Work,
    pub budget: Budget,
}

/// What to render ahead: `recipes` or `matrix`; and when to stop.
#[derive(ToSchema)]
#[schema(as = JobBody)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes JobBody, whose work is one of two fields")]
pub struct JobBodySchema {
    /// Each as a path or an object, with its format.
    #[schema(min_items = 1)]
    recipes: Option<Vec<RecipeSchema>>,
    matrix: Option<MatrixSchema>,
    budget: Option<BudgetSchema>,
}

/// Every base with every overlay in every size and format.
#[derive(ToSchema)]
#[schema(as = Matrix)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the JSON of crate::jobs::Work")]
pub struct MatrixSchema {
    /// Names, or objects with `id` and parameters.
    #[schema(min_items = 1, example = json!(["tabby", {"id": "ginger", "fit": "cover"}]))]
    bases: Vec<BaseSchema>,
    /// Each a layer, or a list of layers drawn together; absent: the bases alone.
    #[schema(min_items = 1, example = json!(["top-hat", ["top-hat", "bow-tie"]]))]
    overlays: Option<Vec<OverlaySchema>>,
    /// Parameters for the base; absent: its own size.
    #[schema(min_items = 1, example = json!([{"w": 800}, {"w": 200, "h": 200}]))]
    sizes: Option<Vec<SizeSchema>>,
    #[schema(min_items = 1, example = json!(["webp", "jpg"]))]
    formats: Vec<FormatSchema>,
}

/// A layer, or layers drawn together.
#[derive(ToSchema)]
#[schema(as = Overlay)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the JSON of crate::jobs::Work")]
pub enum OverlaySchema {
    One(LayerSchema),
    Together(Vec<LayerSchema>),
}

/// Parameters for a base.
#[derive(ToSchema)]
#[schema(as = Size)]
pub struct SizeSchema {}

/// When a job stops before its end. What is under way then is finished.
#[derive(Serialize, ToSchema)]
#[schema(as = Budget)]
#[serde(deny_unknown_fields)]
pub struct BudgetSchema {
    /// Composites rendered; those that were there cost nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    renders: Option<u64>,
    /// Bytes of what was rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    bytes: Option<u64>,
    /// Seconds since it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    seconds: Option<u64>,
}

/// A job and how it stands.
#[derive(Serialize, ToSchema)]
pub struct JobView {
    #[schema(value_type = JobIdSchema)]
    id: String,
    state: JobState,
    /// Recipes.
    total: u64,
    /// Recipes that are settled: found, rendered or failed.
    settled: u64,
    /// Composites that were there already.
    found: u64,
    rendered: u64,
    failed: u64,
    /// Bytes of what was rendered.
    bytes: u64,
    budget: BudgetSchema,
    /// The first 20.
    failures: Vec<JobFailure>,
    #[schema(format = DateTime)]
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ended: Option<String>,
    /// Where it is told as it goes on.
    events: String,
}

/// One server-sent event.
#[derive(ToSchema)]
#[schema(as = JobEvent)]
#[expect(dead_code, reason = "describes what http::jobs::follow tells")]
pub struct JobEventSchema {
    event: JobEventKind,
    /// The job as JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what http::jobs::follow tells")]
pub enum JobEventKind {
    Progress,
    End,
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        let Budget { renders, bytes, seconds } = job.budget;
        Self {
            events: format!("/v1/jobs/{}/events", job.id),
            id: job.id.to_string(),
            state: job.state,
            total: job.total,
            settled: job.next,
            found: job.found,
            rendered: job.rendered,
            failed: job.failed,
            bytes: job.bytes,
            budget: BudgetSchema { renders, bytes, seconds },
            failures: job.failures,
            created: rfc3339(job.created),
            started: job.started.map(rfc3339),
            ended: job.ended.map(rfc3339),
        }
    }
}
