//! `POST /v1/purge`: composites leave every cache that we know of.

use axum::extract::State;

use super::error::Error;
use super::extract::Json;
use super::schema::{ProblemSchema, PurgeBody, PurgeView};
use crate::app::App;
use crate::purge::purge as drop_composites;

/// Keys that an answer lists.
const MOST_LISTED: usize = 1000;

/// Purge composites
///
/// Drops composites from the store, the links, the memory of every instance and the CDN: those drawn from an asset (in
/// any of its versions), from one content, from the assets with a tag; or one, by key or recipe. They are rendered
/// again when somebody asks for them. Where there are more than there is time for, `remaining` says how many are left;
/// the same call goes on with them.
#[utoipa::path(post, path = "/v1/purge", operation_id = "purgeComposites", tag = "Composites", request_body = PurgeBody, responses(
    (status = 200, description = "What was dropped", body = PurgeView),
    (status = 400, description = "The body is not valid", body = ProblemSchema),
    (status = 404, description = "There is no such asset", body = ProblemSchema),
    (status = 413, description = "The body is too large", body = ProblemSchema),
    (status = 415, description = "The body is of the wrong type", body = ProblemSchema),
    (status = 422, description = "The recipe's picture is over a limit", body = ProblemSchema),
    (status = 503, description = "A part of the service is not reachable; `Retry-After` says when", body = ProblemSchema),
))]
pub async fn purge(
    State(app): State<App>,
    Json(body): Json<PurgeBody>,
) -> Result<axum::Json<PurgeView>, Error> {
    let purged = drop_composites(&app, body.target()?, app.config.server.request_timeout / 2).await?;
    Ok(axum::Json(PurgeView {
        composites: purged.keys.len(),
        objects: purged.objects,
        remaining: purged.remaining,
        keys: purged.keys.iter().take(MOST_LISTED).map(ToString::to_string).collect(),
    }))
}
