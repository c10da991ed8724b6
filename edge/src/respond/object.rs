//! `/i/{key}.{ext}`: a finished composite by its key, from the edge cache, else from the origin. An entry that was
//! kept for long is checked for a purge behind the answer.

use std::rc::Rc;

use compositor::{CompositeKey, Format, Query};
use worker::Response;

use super::{Journey, from_entry};
use crate::answer::Answer;
use crate::cache::{self, Entry, now};
use crate::call::Call;
use crate::config::Config;
use crate::error::Error;
use crate::status::Status;
use crate::{origin, policy};

impl Journey<'_> {
    /// `/i/{key}.{ext}`
    pub(super) async fn object(&mut self) -> Result<Response, Error> {
        let (key, format) = object_of(&self.call.path)?;
        let query = Query::parse(&self.call.query)?;
        if query != Query::default() {
            self.config.signing.check(&self.call.path, &query, now() / 1000)?;
        }
        let headers = policy::addressed(&policy::etag(&key));
        if self.call.holds(&policy::etag(&key)) {
            return Ok(self.finish(Answer::not_modified(headers))?);
        }
        let name = cache::composite(&self.call.door, &key, format);
        if let Some(entry) = self.look_up(&name).await {
            let status = Status::hit(self.check_if_overdue(&entry, key, format));
            return Ok(self.finish(from_entry(entry, headers).cached(&status))?);
        }
        let target = self.call.path.clone();
        self.fetch_and_keep(name, &target).await
    }

    /// Seconds until an entry wants revalidation. One that is overdue is checked behind the answer.
    pub(super) fn check_if_overdue(&self, entry: &Entry, key: CompositeKey, format: Format) -> i64 {
        let ttl = entry.ttl_secs(self.config.composite_fresh_secs);
        if ttl <= 0 && !origin::rests() {
            let (config, call) = (self.config.clone(), self.call.clone());
            self.context.wait_until(drop_if_purged(config, call, key, format));
        }
        ttl
    }
}

/// `/i/{key}.{ext}`
fn object_of(path: &str) -> Result<(CompositeKey, Format), Error> {
    let file = path.strip_prefix("/i/").and_then(|file| file.rsplit_once('.'));
    let (key, extension) = file.ok_or(Error::NoComposite)?;
    let key = key.parse().map_err(|error: compositor::key::KeyError| Error::Object {
        pointer: "/key",
        detail: error.to_string(),
    })?;
    let format = Format::from_extension(extension).ok_or_else(|| {
        let detail = format!("`{extension}` is not a format; allowed: png, jpg, webp, avif");
        Error::Object { pointer: "/format", detail }
    })?;
    Ok((key, format))
}

/// Asks whether the origin still has an object: one that was purged there goes, any other is fresh again. Not by
/// `If-None-Match`: that compares keys, and the key of a purged object is as right as ever.
async fn drop_if_purged(config: Rc<Config>, call: Call, key: CompositeKey, format: Format) {
    let name = cache::composite(&call.door, &key, format);
    let target = format!("/i/{key}.{}", format.extension());
    match origin::probe(&config, &call, &target).await {
        Ok(404 | 410) => cache::forget(&name).await,
        Ok(200) => {
            if let Some(entry) = cache::find(&name).await {
                let body = entry.body.into_parts().1;
                cache::keep(&name, format.media_type(), Some(&policy::etag(&key)), body).await;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::object_of;

    #[test]
    fn only_a_key_and_a_known_extension_name_an_object() {
        let key = "0123456789abcdef0123456789abcdef01234567";
        assert!(object_of(&format!("/i/{key}.png")).is_ok());
        for bad in [format!("/i/{key}"), format!("/i/{key}.exe"), format!("/i/{}.png", &key[1..])] {
            assert!(object_of(&bad).is_err(), "{bad}");
        }
    }
}
