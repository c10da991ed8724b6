//! CloudFront is sent an invalidation: one signed call of its REST API. The body names the invalidation, so that one that
//! is sent again because its answer was lost is carried out once.
//!
//! CloudFront works on 3000 paths of a distribution at once, of which 15 end in `*`; where a purge has more, its paths
//! become fewer and wider. What is forgotten without need is fetched again.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;

use super::{Call, CdnError, Pace};
use crate::aws::{Access, Cause, configuration, new_id};
use crate::config::CloudFrontUrl;

const VERSION: &str = "2020-05-31";
const XML: &str = "application/xml";

/// A large purge is few invalidations: it is gathered while it goes on.
pub const PACE: Pace =
    Pace { quiet: Duration::from_secs(1), longest: Duration::from_secs(30), most: 50_000, attempts: 3 };

/// Paths of one invalidation, and those of them that end in `*`: a third of what may be worked on at once.
const MOST_PATHS: usize = 1000;
const MOST_WILDCARDS: usize = 5;
/// Longest path that is taken.
const MOST_OF_PATH: usize = 4000;

/// Refusals that are over by themselves, for all that their status is that of a mistake of ours.
const PASSING: [&str; 4] =
    ["TooManyInvalidationsInProgress", "Throttling", "RequestTimeout", "RequestLimitExceeded"];

/// A distribution.
pub struct CloudFront {
    /// Where its invalidations are made.
    url: String,
    region: String,
    /// `None`: the chain has no link at all.
    credentials: Option<SharedCredentialsProvider>,
}

impl CloudFront {
    /// With the credentials that the SDK's chain finds.
    pub async fn open(url: &CloudFrontUrl) -> Self {
        let access = Access { region: Some(&url.region), ..Access::default() };
        let CloudFrontUrl { distribution, region, endpoint } = url;
        Self {
            url: format!("{endpoint}/{VERSION}/distribution/{distribution}/invalidation"),
            region: region.clone(),
            credentials: configuration(access).await.credentials_provider(),
        }
    }

    /// A call with this body, signed now.
    pub async fn call(&self, body: Bytes) -> Result<Call, CdnError> {
        let credentials = self.credentials.as_ref().ok_or_else(|| CdnError::Credentials("none".into()))?;
        let credentials = credentials.provide_credentials().await;
        let identity = credentials.map_err(|error| CdnError::Credentials(Cause::of(&error)))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("cloudfront")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| CdnError::Signature(Cause::of(&error)))?
            .into();
        let content_type = (header::CONTENT_TYPE.as_str(), XML);
        let signed = SignableRequest::new(
            "POST",
            &self.url,
            std::iter::once(content_type),
            SignableBody::Bytes(&body),
        );
        let signed = signed.and_then(|request| sign(request, &parameters));
        let (signature, _) = signed.map_err(|error| CdnError::Signature(Cause::of(&error)))?.into_parts();
        let mut call =
            Request::post(&self.url).header(header::CONTENT_TYPE, XML).body(Full::new(body.clone()))?;
        signature.apply_to_request_http1x(&mut call);
        Ok(call)
    }
}

/// An `InvalidationBatch` of these paths.
pub fn body(paths: &[String]) -> Bytes {
    let paths: Vec<String> = covering(paths).iter().map(|path| path.replace('&', "&amp;")).collect();
    format!(
        "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/{VERSION}/\">\
         <CallerReference>milliner-{}</CallerReference>\
         <Paths><Items><Path>{}</Path></Items><Quantity>{}</Quantity></Paths></InvalidationBatch>",
        new_id(),
        paths.join("</Path><Path>"),
        paths.len()
    )
    .into()
}

/// The code and the message of a refusal.
pub fn explain(answer: &[u8]) -> String {
    let answer = String::from_utf8_lossy(answer);
    let said = ["Code", "Message"].map(|name| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(text, _)| format!(" {text}"))
    });
    said.into_iter().flatten().collect()
}

pub fn is_lasting(status: StatusCode, says: &str) -> bool {
    let passes = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        || says.split_whitespace().next().is_some_and(|code| PASSING.contains(&code));
    status.is_client_error() && !passes
}

/// Paths that cover these and are as few as CloudFront wants: as they are, or by what they are based on, or all.
fn covering(paths: &[String]) -> BTreeSet<String> {
    let names: [fn(&str) -> String; 2] = [itself, of_base];
    let named = |name: fn(&str) -> String| without_covered(paths.iter().map(|path| name(path)).collect());
    let fits = |paths: &BTreeSet<String>| {
        paths.len() <= MOST_PATHS && paths.iter().filter(|path| path.ends_with('*')).count() <= MOST_WILDCARDS
    };
    names.into_iter().map(named).find(fits).unwrap_or_else(|| named(of_kind))
}

/// A path as CloudFront takes it. It refuses what RFC 1738 calls unsafe, `~` among it, and the encoded form that it takes
/// is to it another path than the one that was asked for; so that whatever begins alike has to go.
fn itself(path: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_.;=,:/@+!$'()&".contains(c);
    match path.find(|c| !is_safe(c)) {
        None if path.len() <= MOST_OF_PATH => path.to_owned(),
        at => format!("{}*", &path[..at.unwrap_or(path.len()).min(MOST_OF_PATH - 1)]),
    }
}

/// `/c/tabby*`, whatever is drawn on it.
fn of_base(path: &str) -> String {
    let Some(recipe) = path.strip_prefix("/c/") else { return of_kind(path) };
    let is_of_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    format!("/c/{}*", &recipe[..recipe.find(|c| !is_of_id(c)).unwrap_or(recipe.len())])
}

/// `/c/*` or `/i/*`
fn of_kind(path: &str) -> String {
    let kind = path.get(..3).filter(|kind| matches!(*kind, "/c/" | "/i/"));
    format!("{}*", kind.unwrap_or("/"))
}

/// Each path costs: those that a wildcard names too are left out.
fn without_covered(paths: BTreeSet<String>) -> BTreeSet<String> {
    let wide: Vec<String> =
        paths.iter().filter_map(|path| Some(path.strip_suffix('*')?.to_owned())).collect();
    let is_covered = |path: &String| {
        wide.iter().any(|wide| path.starts_with(wide.as_str()) && path.strip_suffix('*') != Some(wide))
    };
    let kept = paths.into_iter().filter(|path| !is_covered(path));
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(paths: impl IntoIterator<Item = String>) -> Vec<String> {
        covering(&paths.into_iter().collect::<Vec<_>>()).into_iter().collect()
    }

    fn each(paths: &[&str]) -> Vec<String> {
        covered(paths.iter().map(|path| (*path).to_owned()))
    }

    #[test]
    fn few_paths_are_told_as_they_are() {
        let paths = ["/c/cat/hat;at=0.5,0.25.png", "/c/cat@0123456789ab;w=80.jpg", "/i/00ff.png"];
        assert_eq!(each(&paths), paths);
        let most: Vec<String> = (1000..2000).map(|i| format!("/c/cat;w={i}.png")).collect();
        assert_eq!(covered(most.clone()), most);
    }

    #[test]
    fn what_cloudfront_does_not_take_is_told_by_its_beginning() {
        assert_eq!(each(&["/c/cat/~text;t=SGk.png", "/c/cat/hat.png"]), ["/c/cat/*"]);
        assert_eq!(each(&["/c/~fill;w=9;h=9.png"]), ["/c/*"]);
        assert_eq!(each(&["/c/a%20b.png", "/c/a*.png"]), ["/c/a*"]);
        let long = format!("/c/{}.png", "a".repeat(5000));
        assert!(covered([long]).iter().all(|path| path.len() == MOST_OF_PATH && path.ends_with('*')));
    }

    #[test]
    fn many_paths_become_wildcards_of_their_bases_and_many_bases_one() {
        let of = |bases: usize| {
            let recipes = (0..1001).map(move |i| format!("/c/cat-{}/hat;w={i}.png", i % bases));
            covered(recipes.chain(["/i/00ff.png".to_owned()]))
        };
        assert_eq!(of(1), ["/c/cat-0*", "/i/*"]);
        assert_eq!(of(4), ["/c/cat-0*", "/c/cat-1*", "/c/cat-2*", "/c/cat-3*", "/i/*"]);
        assert_eq!(of(5), ["/c/*", "/i/*"]);
        let texts = (0..6).map(|i| format!("/c/cat-{i}/~text;t=SGk.png"));
        assert_eq!(covered(texts), ["/c/*"], "wildcards are few, however few paths there are");
    }

    #[test]
    fn the_body_counts_its_paths_and_names_itself_anew() {
        let paths = ["/c/a&b.png".to_owned(), "/c/cat.png".to_owned()];
        let text = String::from_utf8(body(&paths).to_vec()).unwrap();
        assert!(
            text.contains(
                "<Items><Path>/c/a&amp;b.png</Path><Path>/c/cat.png</Path></Items><Quantity>2</Quantity>"
            ),
            "{text}"
        );
        assert_ne!(body(&paths), body(&paths), "another purge of the same is another invalidation");
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words_and_tried_again_if_it_passes() {
        let answer = b"<?xml?><ErrorResponse><Error><Type>Sender</Type><Code>NoSuchDistribution</Code>\
            <Message>The specified distribution does not exist.</Message></Error></ErrorResponse>";
        let says = explain(answer);
        assert_eq!(says, " NoSuchDistribution The specified distribution does not exist.");
        assert_eq!((explain(b"\xff"), explain(b"<Code>half")), (String::new(), String::new()));
        assert!(is_lasting(StatusCode::NOT_FOUND, &says));
        assert!(is_lasting(StatusCode::FORBIDDEN, ""));
        assert!(!is_lasting(
            StatusCode::BAD_REQUEST,
            " TooManyInvalidationsInProgress Processing your request"
        ));
        assert!(
            !is_lasting(StatusCode::SERVICE_UNAVAILABLE, "")
                && !is_lasting(StatusCode::TOO_MANY_REQUESTS, "")
        );
    }
}
