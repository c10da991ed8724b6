//! `POST /v1/sign`: a signed delivery URL.

use axum::extract::State;
use compositor::Recipe;

use super::error::Error;
use super::extract::Json;
use super::schema::{ProblemSchema, SignBody, SignedView};
use crate::app::App;
use crate::clock::unix_now;

/// Sign a delivery URL
///
/// The recipe is checked and brought to its canonical form; the signature is over that.
#[utoipa::path(post, path = "/v1/sign", operation_id = "signUrl", tag = "Signatures", request_body = SignBody, responses(
    (status = 200, description = "The signed URL", body = SignedView),
    (status = 400, description = "The recipe or the expiry is not valid, or there is no such key", body = ProblemSchema),
    (status = 413, description = "The body is too large", body = ProblemSchema),
    (status = 415, description = "The body is of the wrong type", body = ProblemSchema),
))]
pub async fn sign(
    State(app): State<App>,
    Json(body): Json<SignBody>,
) -> Result<axum::Json<SignedView>, Error> {
    let path = Recipe::from_json(&body.recipe)?.to_path();
    let expires = match (body.expires, body.expires_in) {
        (Some(_), Some(_)) => {
            return Err(Error::malformed("/expires_in", "give `expires` or `expires_in`, not both"));
        }
        (Some(at), None) => Some(at),
        (None, within) => within.map(|secs| unix_now().saturating_add(secs)),
    };
    if expires.is_some_and(|at| at <= unix_now()) {
        return Err(Error::malformed("/expires", "the expiry is in the past"));
    }
    let signed = app.signing.sign(&path, expires, body.key.as_deref()).ok_or(Error::NoSigningKey)?;
    let url = format!("{}{}", app.config.server.public_url, signed.path);
    let (path, key, signature) = (signed.path, signed.key_id, signed.signature);
    Ok(axum::Json(SignedView { url, path, key, signature, expires }))
}
