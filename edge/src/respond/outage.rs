//! Degraded, not down: the origin cannot, so the picture is made here, or the last one is shown, or an honest
//! error says so.

use compositor::{CompositeKey, Format};
use worker::{Response, ResponseBody};

use super::composite::{Asked, Resolved};
use super::{Journey, from_entry};
use crate::answer::Answer;
use crate::cache;
use crate::error::Error;
use crate::origin::Failure;
use crate::status::Status;
use crate::{policy, render};

/// Why the origin has no picture for us.
pub(super) enum Outage {
    /// It said so itself.
    Said(Response),
    Silent(Failure),
}

impl Journey<'_> {
    /// The origin has no picture: make it here, or show the last one, or say so.
    pub(super) async fn degrade(
        &mut self,
        asked: &Asked,
        resolved: Resolved,
        outage: Outage,
    ) -> Result<Response, Error> {
        let (plan, catalogue) = (&resolved.plan, &resolved.manifest.catalogue);
        if let Some(composite) = render::here(plan, catalogue, &self.config, &self.call).await {
            let status = Status::rendered(outage.status());
            let headers = policy::composite(plan, asked.expires_in_secs);
            let body = ResponseBody::Body(composite.bytes.clone());
            let answer = Answer::ok(plan.format().media_type(), headers, body);
            self.keep(&resolved, ResponseBody::Body(composite.bytes));
            return Ok(self.finish(answer.cached(&status))?);
        }
        if let Some(answer) = self.last_known(&plan.canonical_path(), asked).await {
            return Ok(self.finish(answer)?);
        }
        match outage {
            Outage::Said(answer) => {
                let status = Status::miss(Some(answer.status_code()));
                Ok(self.passed_on(answer, &status)?)
            }
            Outage::Silent(failure) => Err(failure.into()),
        }
    }

    /// The composite that a canonical path had when the origin last answered.
    async fn last_known(&mut self, canonical_path: &str, asked: &Asked) -> Option<Answer> {
        let mut note = cache::find(&cache::last_known(&self.call.door, canonical_path)).await?;
        let object = note.body.text().await.ok()?;
        let (key, extension) = object.split_once('.')?;
        let (key, format) = (key.parse::<CompositeKey>().ok()?, Format::from_extension(extension)?);
        let entry = self.look_up(&cache::composite(&self.call.door, &key, format)).await?;
        let status = Status::hit(note.ttl_secs(0)).because("stale-if-error");
        let headers = policy::stale(&key, canonical_path, asked.recipe.is_auto(), asked.expires_in_secs);
        Some(if self.call.holds(&policy::etag(&key)) {
            Answer::not_modified(headers)
        } else {
            from_entry(entry, headers).cached(&status)
        })
    }

    /// Nothing is known, not even the catalogue: the last picture of this very recipe, or the failure. (An `auto`
    /// recipe has none: which formats it may take is up to the catalogue.)
    pub(super) async fn blind(&mut self, asked: &Asked, failure: Failure) -> Result<Response, Error> {
        match self.last_known(&asked.recipe.to_path(), asked).await {
            Some(answer) => Ok(self.finish(answer)?),
            None => Err(failure.into()),
        }
    }
}

impl Outage {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Said(answer) => Some(answer.status_code()),
            Self::Silent(_) => None,
        }
    }
}
