//! Composites by API: render one, look one up, explain a recipe without rendering it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use compositor::{CompositeKey, Plan, Recipe};

use super::cache_policy::CachePolicy;
use super::error::Error;
use super::extract::{Json, path_text};
use super::jobs::{Answered, as_preferred, get_or_later, later, prefers_later};
use super::schema::{
    CacheView, CompositeKeySchema, CompositeView, Explanation, IngredientView, JobView, ProblemSchema,
    RecipeBody,
};
use crate::app::App;
use crate::catalogue::Snapshot;
use crate::compose::{Delivery, Source, link_of};
use crate::links::{Link, LinksError, StoredPlaceholder};
use crate::store::ObjectKey;

/// Render a composite
///
/// Renders the recipe if nobody did yet, and says where it is, how large, and what stands in for it while it loads. With
/// `Prefer: respond-async`, or where the render takes longer than a caller should wait, it is left to a job.
#[utoipa::path(post, path = "/v1/composites", operation_id = "renderComposite", tag = "Composites",
    params(("prefer" = Option<String>, Header, description = "`respond-async`: leave it to a job")),
    request_body = RecipeBody, responses(
    (status = 200, description = "It was there already", body = CompositeView),
    (status = 201, description = "It was rendered now", body = CompositeView),
    (status = 202, description = "It is being rendered; `Location` is the job", body = JobView),
    (status = 400, description = "The recipe is not valid", body = ProblemSchema),
    (status = 404, description = "The recipe names an asset that is not there", body = ProblemSchema),
    (status = 406, description = "`accept` refuses every format of an `auto` recipe", body = ProblemSchema),
    (status = 413, description = "The body is too large", body = ProblemSchema),
    (status = 415, description = "The body is of the wrong type", body = ProblemSchema),
    (status = 422, description = "An asset or the picture is over a limit", body = ProblemSchema),
    (status = 503, description = "Too many renders are waiting; `Retry-After` says when", body = ProblemSchema),
))]
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<RecipeBody>,
) -> Result<Response, Error> {
    let recipe = Recipe::from_json(&body.recipe)?;
    let plan = Arc::new(app.catalogue.snapshot().catalogue.resolve(&recipe, body.accept.as_deref())?);
    if prefers_later(&headers) {
        return later(&app, &plan).await.map(as_preferred);
    }
    let delivery = match get_or_later(&app, &plan).await? {
        Answered::Delivery(delivery) => delivery,
        Answered::Later(response) => return Ok(response),
    };
    let link = record(&app, &plan, &delivery).await?;
    let rendered = matches!(delivery.source, Source::Rendered { .. });
    let status = if rendered { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(CompositeView::from(link))).into_response())
}

/// Get a composite's record
#[utoipa::path(get, path = "/v1/composites/{key}", operation_id = "getComposite", tag = "Composites",
    params(("key" = CompositeKeySchema, Path)), responses(
    (status = 200, description = "The record", body = CompositeView),
    (status = 400, description = "The key is not valid", body = ProblemSchema),
    (status = 404, description = "No composite with this key has been rendered", body = ProblemSchema),
))]
pub async fn get(State(app): State<App>, KeyPath(key): KeyPath) -> Result<Response, Error> {
    app.settle_hits_of(&key).await?;
    let link = app.links.get(&key).await?.ok_or(Error::NoComposite)?;
    Ok((Extension(CachePolicy::Private), axum::Json(CompositeView::from(link))).into_response())
}

/// Explain a recipe
///
/// A dry run: what the recipe means, its key, what it is made of, what it would cost, and where it is cached. Renders
/// nothing.
#[utoipa::path(post, path = "/v1/composites/explain", operation_id = "explainRecipe", tag = "Composites",
    request_body = RecipeBody, responses(
    (status = 200, description = "The explanation", body = Explanation),
    (status = 400, description = "The recipe is not valid", body = ProblemSchema),
    (status = 404, description = "The recipe names an asset that is not there", body = ProblemSchema),
    (status = 406, description = "`accept` refuses every format of an `auto` recipe", body = ProblemSchema),
    (status = 413, description = "The body is too large", body = ProblemSchema),
    (status = 415, description = "The body is of the wrong type", body = ProblemSchema),
))]
pub async fn explain(
    State(app): State<App>,
    Json(body): Json<RecipeBody>,
) -> Result<axum::Json<Explanation>, Error> {
    let recipe = Recipe::from_json(&body.recipe)?;
    let snapshot = app.catalogue.snapshot();
    let plan = snapshot.catalogue.resolve(&recipe, body.accept.as_deref())?;
    let cache = CacheView {
        memory: app.hot.get(&plan.key()).is_some(),
        link: app.links.get(&plan.key()).await.is_ok_and(|link| link.is_some()),
        object: app.store.contains(&ObjectKey::Composite(plan.key(), plan.format())).await?,
    };
    Ok(axum::Json(Explanation::new(recipe.to_path(), &plan, ingredients(&recipe, &snapshot), cache)))
}

fn ingredients(recipe: &Recipe, snapshot: &Snapshot) -> Vec<IngredientView> {
    let view = |(pointer, asset): (String, compositor::AssetRef)| {
        let record = snapshot.records.get(&asset.id);
        let versions = record.into_iter().flat_map(|record| record.versions());
        let mut digests = versions.map(|version| version.asset.digest.to_string());
        let digest = digests.find(|digest| asset.pin.as_ref().is_none_or(|pin| digest.starts_with(pin)));
        IngredientView { pointer, asset: asset.to_string(), digest }
    };
    recipe.assets().into_iter().map(view).collect()
}

/// The link of a composite with its placeholder, which is made the first time somebody asks.
async fn record(app: &App, plan: &Arc<Plan>, delivery: &Delivery) -> Result<Link, Error> {
    let known = app.links.get(&plan.key()).await.unwrap_or_else(|error| {
        log_lost(&error);
        None
    });
    if let Some(link) = known.as_ref().filter(|link| link.placeholder.is_some()) {
        return Ok(link.clone());
    }
    let made = app.renderer.placeholder(plan).await?;
    let [r, g, b] = made.colour;
    let placeholder = StoredPlaceholder {
        colour: format!("#{r:02x}{g:02x}{b:02x}"),
        thumbhash: BASE64_STANDARD.encode(&made.thumbhash),
    };
    // A link that is not known has no stored object, and may never point at nothing: it is told, not kept.
    let is_stored = known.is_some();
    let link = known.unwrap_or_else(|| link_of(plan, &delivery.hot.bytes));
    let link = Link { placeholder: Some(placeholder), ..link };
    if is_stored && let Err(error) = app.links.set(link.clone()).await {
        log_lost(&error);
    }
    Ok(link)
}

fn log_lost(error: &LinksError) {
    tracing::warn!(%error, "a placeholder cannot be kept; it will be made again");
}

/// The composite key in the path.
pub struct KeyPath(CompositeKey);

impl<S: Send + Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = path_text(parts, state).await?;
        let refuse = |error: compositor::key::KeyError| Error::malformed("/key", error.to_string());
        text.parse().map(Self).map_err(refuse)
    }
}
