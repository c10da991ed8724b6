//! Degraded, not down: rendering in the isolate while the origin cannot.
//!
//! Only what has the same bytes wherever it is rendered, and only within the isolate's memory. The
//! ingredients come from the edge cache, where they were put while the origin was well, and are checked
//! against their digests: a picture made here is the very picture the origin would have made.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use compositor::{AssetId, Catalogue, Composite, Compositor, Digest, Ingredients, Limits, Plan};
use worker::ResponseBody;

use crate::cache;
use crate::call::Call;
use crate::config::Config;
use crate::origin::{self, Effort};
use crate::policy;

/// One ingredient and an asset that has it.
type Source = (AssetId, Digest);

thread_local! {
    /// Ingredients this isolate saw in the edge cache: no need to look again.
    static KEPT: RefCell<HashSet<Digest>> = RefCell::default();
}

/// May this plan be rendered here at all?
pub fn is_possible(plan: &Plan, config: &Config) -> bool {
    plan.lossless_everywhere() && plan.undrawn().is_none() && plan.working_bytes() <= config.render_bytes
}

/// Renders a plan from cached ingredients, or from ones the origin still hands out. `None`: cannot be done.
pub async fn here(plan: &Plan, catalogue: &Catalogue, config: &Config, call: &Call) -> Option<Composite> {
    if !is_possible(plan, config) {
        return None;
    }
    let mut ingredients = Ingredients::new();
    for source in sources(plan, catalogue)? {
        let bytes = gather(&source, config, call).await?;
        ingredients.insert(source.1, bytes);
    }
    let limits = Limits { working_bytes: config.render_bytes, ..Limits::default() };
    // Nothing decoded is kept: the memory belongs to the next request.
    match Compositor::new(limits, 0).compose(plan, &ingredients) {
        Ok(composite) => Some(composite),
        Err(error) => {
            worker::console_warn!("render of {}: {error}", plan.canonical_path());
            None
        }
    }
}

/// Keeps the assets of a plan in the edge cache, for the day the origin is away: with all their levels, for who knows what
/// is drawn of them on that day.
pub async fn provide(plan: Plan, catalogue: Rc<Catalogue>, config: Rc<Config>, call: Call) {
    if !is_possible(&plan, &config) {
        return;
    }
    let drawn = plan.ingredients();
    let assets = catalogue.assets().iter().filter(|asset| drawn.contains(&asset.digest));
    for source in assets.flat_map(|asset| asset.contents().map(|digest| (asset.id.clone(), digest))) {
        if KEPT.with_borrow(|kept| kept.contains(&source.1)) {
            continue;
        }
        let name = cache::ingredient(&call.door, &source.1);
        if cache::find(&name).await.is_some() || fetch(&source, &config, &call).await.is_some() {
            KEPT.with_borrow_mut(|kept| kept.insert(source.1));
        }
    }
}

/// Which asset to ask for each file. `None`: one of them is not in the catalogue any more.
fn sources(plan: &Plan, catalogue: &Catalogue) -> Option<Vec<Source>> {
    let find = |digest: Digest| {
        let asset = catalogue.assets().iter().find(|asset| asset.has_content(&digest))?;
        Some((asset.id.clone(), digest))
    };
    plan.files().into_iter().map(find).collect()
}

async fn gather(source: &Source, config: &Config, call: &Call) -> Option<Arc<[u8]>> {
    let name = cache::ingredient(&call.door, &source.1);
    if let Some(entry) = cache::find(&name).await {
        let mut body = entry.body;
        if let Ok(bytes) = body.bytes().await
            && Digest::of(&bytes) == source.1
        {
            return Some(bytes.into());
        }
    }
    fetch(source, config, call).await
}

/// Reads an ingredient from the origin, checks it, and keeps it.
async fn fetch((id, digest): &Source, config: &Config, call: &Call) -> Option<Arc<[u8]>> {
    let target = format!("/v1/assets/{id}/content?digest={digest}");
    let key = config.api_key.as_ref().map(|key| ("x-api-key", key.0.as_str()));
    let mut answer = origin::get(config, call, &target, key.as_slice(), Effort::AtHand).await.ok()?;
    if answer.status_code() != 200 {
        return None;
    }
    let media_type = answer.headers().get("content-type").ok().flatten().unwrap_or_default();
    let bytes = answer.bytes().await.ok()?;
    if Digest::of(&bytes) != *digest {
        return None;
    }
    let body = ResponseBody::Body(bytes.clone());
    cache::keep(&cache::ingredient(&call.door, digest), &media_type, Some(&policy::etag(digest)), body).await;
    Some(bytes.into())
}
