//! `/v1/assets/{id}/content?digest=…`: what previews are made of. Where recipes need no signature, an asset's
//! image is as public as a composite of it, and what a digest names never changes: the edge cache has it. All
//! other reading of assets passes through.

use compositor::Digest;
use worker::{Request, Response};

use super::{Journey, from_entry};
use crate::answer::Answer;
use crate::cache;
use crate::error::Error;
use crate::policy;
use crate::status::Status;

/// Which image is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Image {
    digest: Digest,
    /// A smaller rendition, this wide.
    width: Option<u32>,
}

impl Journey<'_> {
    /// `/v1/assets/{id}/content`
    pub(super) async fn content(&mut self, request: &Request) -> Result<Response, Error> {
        let is_open = self.call.reads() && !self.call.shows_key && !self.config.signing.is_required();
        let Some(image) = Image::parse(&self.call.query).filter(|_| is_open) else {
            return self.pass_through(request).await;
        };
        if !self.is_current(image.digest).await {
            // Only the origin knows older versions.
            return self.pass_through(request).await;
        }
        let name = match image.width {
            None => cache::ingredient(&self.call.door, &image.digest),
            Some(width) => cache::rendition(&self.call.door, &image.digest, width),
        };
        if let Some(entry) = self.look_up(&name).await
            && let Some(etag) = entry.etag.clone()
        {
            let headers = policy::addressed(&etag);
            if self.call.holds(&etag) {
                return Ok(self.finish(Answer::not_modified(headers))?);
            }
            let status = Status::hit(entry.ttl_secs(policy::IMMUTABLE_SECS));
            return Ok(self.finish(from_entry(entry, headers).cached(&status))?);
        }
        let target = self.call.target();
        self.fetch_and_keep(name, &target).await
    }

    /// Does the asset that the path names have this image now, as the whole or as a level?
    async fn is_current(&self, digest: Digest) -> bool {
        let path = self.call.path.strip_prefix("/v1/assets/").and_then(|rest| rest.strip_suffix("/content"));
        let (Some(id), Ok(manifest)) = (path, self.manifest().await) else { return false };
        manifest.catalogue.get(id).is_some_and(|asset| asset.has_content(&digest))
    }
}

impl Image {
    /// A query that names exactly one unchanging image; any other is the origin's to judge.
    fn parse(query: &str) -> Option<Self> {
        let (mut digest, mut width) = (None, None);
        for pair in query.split('&') {
            match pair.split_once('=')? {
                ("digest", given) if digest.is_none() => digest = Some(given.parse().ok()?),
                ("w", given) if width.is_none() => width = Some(given.parse().ok()?),
                _ => return None,
            }
        }
        Some(Self { digest: digest?, width })
    }
}

#[cfg(test)]
mod tests {
    use compositor::Digest;

    use super::Image;

    #[test]
    fn only_a_whole_digest_names_an_unchanging_image() {
        let digest = Digest::of(b"a hat");
        let parse = |query: String| Image::parse(&query);
        assert_eq!(parse(format!("digest={digest}")), Some(Image { digest, width: None }));
        assert_eq!(parse(format!("w=96&digest={digest}")), Some(Image { digest, width: Some(96) }));
        for other in [
            String::new(),
            "w=96".to_owned(),
            format!("digest={}", &digest.to_string()[..10]),
            format!("digest={digest}&w=-1"),
            format!("digest={digest}&w=96&w=97"),
            format!("digest={digest}&fresh=1"),
        ] {
            assert_eq!(parse(other.clone()), None, "{other}");
        }
    }
}
