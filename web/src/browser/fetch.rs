//! Asking the server, with answers in the studio's own terms.

use js_sys::Uint8Array;
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};

use crate::studio::served::Served;

/// What came back, or why nothing did.
pub enum Answer {
    Ok(Response),
    /// The server's own words, from a problem document where it sent one.
    Refused(String),
    Unreachable,
}

/// The body of a URL.
pub async fn bytes(url: &str) -> Result<Vec<u8>, String> {
    let unreachable = || "nobody answers; check the connection".to_owned();
    match get(url).await {
        Answer::Ok(response) => body(&response).await.map_err(|_| unreachable()),
        Answer::Refused(words) => Err(words),
        Answer::Unreachable => Err(unreachable()),
    }
}

pub async fn get(url: &str) -> Answer {
    send(Request::new_with_str(url)).await
}

/// Who answers for a picture. Asked as whoever gets the link will ask, so that every cache on the way learns it; the
/// body is not read.
pub async fn who_serves(url: &str) -> Served {
    match get(url).await {
        Answer::Ok(response) => {
            let status = response.headers().get("cache-status").ok().flatten();
            if let Some(body) = response.body() {
                let _ = JsFuture::from(body.cancel()).await; // a body that has ended needs no cancelling
            }
            Served::from_cache_status(&status.unwrap_or_default())
        }
        Answer::Refused(words) => Served::Refused(words),
        Answer::Unreachable => Served::Unreachable,
    }
}

/// Send a picture to be kept. `key` is empty where the server asks for none.
pub async fn put(url: &str, media_type: &str, key: &str, body: &[u8]) -> Answer {
    let options = RequestInit::new();
    options.set_method("PUT");
    options.set_body(&Uint8Array::from(body));
    let request = Request::new_with_str_and_init(url, &options).and_then(|request| {
        request.headers().set("content-type", media_type)?;
        if !key.is_empty() {
            request.headers().set("x-api-key", key)?;
        }
        Ok(request)
    });
    send(request).await
}

async fn send(request: Result<Request, JsValue>) -> Answer {
    let Ok(request) = request else { return Answer::Unreachable };
    let answer = JsFuture::from(window().fetch_with_request(&request)).await;
    let Ok(response) = answer.and_then(JsCast::dyn_into::<Response>) else { return Answer::Unreachable };
    if response.ok() { Answer::Ok(response) } else { Answer::Refused(problem(&response).await) }
}

async fn body(response: &Response) -> Result<Vec<u8>, JsValue> {
    let buffer = JsFuture::from(response.array_buffer()?).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// `detail` of an RFC 9457 problem, or the status.
async fn problem(response: &Response) -> String {
    let status = response.status();
    let bytes = body(response).await.unwrap_or_default();
    let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let words = document.get("detail").or_else(|| document.get("title")).and_then(serde_json::Value::as_str);
    words.map_or_else(|| format!("the server answered {status}"), str::to_owned)
}
