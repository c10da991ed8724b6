//! `/c/{recipe}`: parse → check the signature → resolve → compare the key with what the caller holds → look it
//! up → ask the origin → keep it → answer. What happens when the origin cannot is in `outage.rs`.

use std::rc::Rc;

use compositor::{Plan, Query, Recipe, ResolveError};
use worker::{Response, ResponseBody};

use super::outage::Outage;
use super::{Journey, from_entry, header};
use crate::answer::Answer;
use crate::cache::{self, Entry, now};
use crate::call::with_query;
use crate::error::Error;
use crate::manifest::{self, Manifest};
use crate::origin::{self, Effort, Failure};
use crate::status::Status;
use crate::{policy, render};

/// A recipe as it was asked for.
pub(super) struct Asked {
    pub recipe: Recipe,
    /// What is left of a signed URL that expires.
    pub expires_in_secs: Option<u64>,
}

/// A recipe resolved with a state of the catalogue.
pub(super) struct Resolved {
    pub plan: Plan,
    pub manifest: Rc<Manifest>,
}

impl Journey<'_> {
    /// `/c/{recipe}`
    pub(super) async fn composite(&mut self) -> Result<Response, Error> {
        let asked = self.parse()?;
        let resolved = match self.resolve(&asked.recipe).await {
            Ok(resolved) => resolved,
            // Only the origin knows the older versions that a pin may name.
            Err(Error::Resolve(ResolveError::UnknownVersion { .. })) => {
                return self.unresolved(&asked.recipe).await;
            }
            Err(Error::Origin(failure)) => return self.blind(&asked, failure).await,
            Err(error) => return Err(error),
        };
        let headers = policy::composite(&resolved.plan, asked.expires_in_secs);
        if self.call.holds(&policy::etag(&resolved.plan.key())) {
            return Ok(self.finish(Answer::not_modified(headers))?);
        }
        if let Some(entry) = self.look_up(&self.name_of(&resolved.plan)).await {
            let status = self.hit(&entry, &resolved);
            return Ok(self.finish(from_entry(entry, headers).cached(&status))?);
        }
        self.ask_and_deliver(&asked, resolved).await
    }

    /// The recipe, if it is one and its URL may be used.
    fn parse(&self) -> Result<Asked, Error> {
        let recipe = Recipe::parse(&self.call.path)?;
        let query = Query::parse(&self.call.query)?;
        let now_secs = now() / 1000;
        self.config.signing.check(&recipe.to_path(), &query, now_secs)?;
        Ok(Asked { recipe, expires_in_secs: query.expires.map(|at| at.saturating_sub(now_secs)) })
    }

    /// Resolves a recipe. One that does not fit the catalogue we know may fit the one there is.
    async fn resolve(&self, recipe: &Recipe) -> Result<Resolved, Error> {
        let manifest = self.manifest().await?;
        let error = match self.resolve_with(recipe, manifest.clone()) {
            Ok(resolved) => return Ok(resolved),
            Err(error @ ResolveError::NotAcceptable { .. }) => return Err(error.into()),
            Err(error) => error,
        };
        match manifest::doubt(&self.config, &self.call, &manifest).await {
            Some(newer) => Ok(self.resolve_with(recipe, newer)?),
            None => Err(error.into()),
        }
    }

    fn resolve_with(&self, recipe: &Recipe, manifest: Rc<Manifest>) -> Result<Resolved, ResolveError> {
        let plan = manifest.catalogue.resolve(recipe, self.call.accept.as_deref())?;
        Ok(Resolved { plan, manifest })
    }

    /// What to say of a hit; and an entry that is overdue is checked behind the answer.
    fn hit(&self, entry: &Entry, resolved: &Resolved) -> Status {
        let plan = &resolved.plan;
        let ttl = self.check_if_overdue(entry, plan.key(), plan.format());
        if origin::rests() && !plan.is_pinned() {
            // The picture fits the last known catalogue; nobody can say whether that is the current one.
            let ttl = ttl.min(resolved.manifest.ttl_secs(&self.config));
            return Status::hit(ttl).because("origin-unreachable");
        }
        Status::hit(ttl)
    }

    async fn ask_and_deliver(&mut self, asked: &Asked, resolved: Resolved) -> Result<Response, Error> {
        match self.ask_for(&asked.recipe).await {
            Ok(answer) if answer.status_code() == 200 => self.deliver(asked, resolved, answer).await,
            Ok(answer) if is_verdict(answer.status_code()) => {
                let status = Status::miss(Some(answer.status_code()));
                Ok(self.passed_on(answer, &status)?)
            }
            Ok(answer) => self.degrade(asked, resolved, Outage::Said(answer)).await,
            Err(failure) => self.degrade(asked, resolved, Outage::Silent(failure)).await,
        }
    }

    async fn ask_for(&mut self, recipe: &Recipe) -> Result<Response, Failure> {
        // The caller's own spelling of the format: a signature covers `auto`, not what we negotiated.
        let target = with_query(&recipe.to_path(), &self.call.query);
        let accept = self.call.accept.as_deref().map(|accept| ("accept", accept));
        let started = now();
        let outcome = origin::get(&self.config, &self.call, &target, accept.as_slice(), Effort::Render).await;
        self.timing.add("edge-origin", now() - started);
        outcome
    }

    /// The origin's picture: kept under its key, and answered.
    async fn deliver(
        &mut self,
        asked: &Asked,
        resolved: Resolved,
        mut answer: Response,
    ) -> Result<Response, Error> {
        let etag = header(&answer, "etag").unwrap_or_default();
        let Some(resolved) = self.agree(&asked.recipe, resolved, &etag).await else {
            // Another render version over there, most likely: theirs is right, and not ours to keep.
            return Ok(self.passed_on(answer, &Status::miss(None).because("unknown-key"))?);
        };
        let (earlier, timing) = (header(&answer, "cache-status"), header(&answer, "server-timing"));
        let copy = answer.cloned()?.into_parts().1;
        self.keep(&resolved, copy);
        let media_type = resolved.plan.format().media_type();
        let headers = policy::composite(&resolved.plan, asked.expires_in_secs);
        let mut ours =
            Answer::relay(media_type, headers, answer).cached_after(&Status::stored(), earlier.as_deref());
        if let Some(timing) = timing {
            ours = ours.with("server-timing", timing);
        }
        Ok(self.finish(ours)?)
    }

    /// The resolution whose key is the origin's: ours, or the one with the catalogue as it is now.
    async fn agree(&self, recipe: &Recipe, resolved: Resolved, etag: &str) -> Option<Resolved> {
        let fits = |resolved: &Resolved| policy::etag(&resolved.plan.key()) == etag;
        if fits(&resolved) {
            return Some(resolved);
        }
        let newer = manifest::anew(&self.config, &self.call, &resolved.manifest).await?;
        self.resolve_with(recipe, newer).ok().filter(fits)
    }

    /// Keeps a composite behind the answer, and what is needed to make it again.
    pub(super) fn keep(&self, resolved: &Resolved, body: ResponseBody) {
        let (config, call) = (self.config.clone(), self.call.clone());
        let (plan, catalogue) = (resolved.plan.clone(), resolved.manifest.catalogue.clone());
        let name = self.name_of(&plan);
        self.context.wait_until(async move {
            let etag = policy::etag(&plan.key());
            cache::keep(&name, plan.format().media_type(), Some(&etag), body).await;
            let note = format!("{}.{}", plan.key(), plan.format().extension());
            let last_known = cache::last_known(&call.door, &plan.canonical_path());
            cache::keep(&last_known, "text/plain", None, ResponseBody::Body(note.into_bytes())).await;
            render::provide(plan, catalogue, config, call).await;
        });
    }

    /// A recipe that only the origin can resolve.
    async fn unresolved(&mut self, recipe: &Recipe) -> Result<Response, Error> {
        let answer = self.ask_for(recipe).await?;
        Ok(self.passed_on(answer, &Status::bypass().because("older-version"))?)
    }

    fn name_of(&self, plan: &Plan) -> String {
        cache::composite(&self.call.door, &plan.key(), plan.format())
    }
}

/// Is this the origin's last word on a recipe, rather than trouble of its own? 501 names a part of the
/// language that is not drawn yet.
fn is_verdict(status: u16) -> bool {
    status < 500 || status == 501
}

#[cfg(test)]
mod tests {
    use super::is_verdict;

    #[test]
    fn the_origins_troubles_are_not_its_verdicts() {
        assert!([400, 404, 406, 422, 429, 501].into_iter().all(is_verdict));
        assert!(![500, 502, 503, 504].into_iter().any(is_verdict));
    }
}
