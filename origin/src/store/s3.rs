//! The store as a bucket, or as a prefix of one. Blobs are put under the condition that nothing is there; records
//! change under the condition that they are what was read. Conditional deletes are not to be had everywhere, so a
//! record is removed by putting an empty one, which reads and lists as absent.
//!
//! Every call goes through [`S3::call`].

mod body;
mod contended;
mod listing;
mod multipart;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ServerSideEncryption};
use bytes::Bytes;
use compositor::Digest;
use futures::future::BoxFuture;

use self::contended::RetryContended;
use super::{Listed, ObjectKey, Reason, Records, Revision, StoreError};
use crate::aws::{Access, Cause, Fault, bounds, configuration, new_id};
use crate::breaker::{Breaker, BreakerState};
use crate::config::S3Url;

/// Above this a blob goes up in parts of this size.
const PART: usize = 8 << 20;
/// Who wrote a record last, in its metadata.
const WRITER: &str = "writer";

/// A bucket, or a part of one.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    bucket: Arc<str>,
    /// Empty, or with a slash at its end.
    prefix: Arc<str>,
    encryption: Option<ServerSideEncryption>,
    breaker: Arc<Breaker>,
}

/// An object as it was read. The tag is what the next change of it is conditional on.
struct Object {
    bytes: Bytes,
    tag: Option<String>,
}

impl S3 {
    /// With the credentials that the SDK's chain finds.
    pub async fn open(url: &S3Url) -> Self {
        let (region, endpoint) = (url.region.as_deref(), url.endpoint.as_deref());
        Self::with(url, &configuration(Access { region, endpoint, credentials: None }).await)
    }

    /// With a configuration made elsewhere.
    pub fn with(url: &S3Url, configuration: &SdkConfig) -> Self {
        let config = aws_sdk_s3::config::Builder::from(configuration)
            .force_path_style(url.path_style)
            .retry_classifier(RetryContended)
            .build();
        let prefix = url.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
        Self {
            client: Client::from_conf(config),
            bucket: url.bucket.as_str().into(),
            prefix: prefix.into(),
            encryption: url.encrypted.then_some(ServerSideEncryption::Aes256),
            breaker: Arc::new(Breaker::before("the store")),
        }
    }

    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        let object = self.fetch(&key.to_string()).await?;
        Ok(object.map(|object| object.bytes).filter(|bytes| !is_tombstone(key, bytes.len() as u64)))
    }

    /// Signed here; nobody is asked.
    pub async fn url_of(&self, key: &ObjectKey, life: Duration) -> Result<String, StoreError> {
        let path = key.to_string();
        let refused = |source: Reason| StoreError::Refused { path: path.clone(), source };
        let get = self.client.get_object().bucket(&*self.bucket).key(self.name(&path));
        let life = PresigningConfig::expires_in(life).map_err(|error| refused(error.into()))?;
        let signed = get.presigned(life).await.map_err(|error| refused(error.into()))?;
        Ok(signed.uri().to_owned())
    }

    /// By listing: a look at the object alone cannot tell a missing object from a missing bucket.
    pub async fn contains(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        let path = key.to_string();
        let page = self.page(&path, None, 1).await.map_err(|fault| told(&path, fault))?;
        Ok(self.found(&page).any(|found| found.path == path && !is_tombstone(key, found.bytes)))
    }

    /// Where there is something already, it is the same thing.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        if bytes.len() > PART {
            return multipart::put(self, key, bytes).await;
        }
        match self.write(key, bytes, |put| put.if_none_match("*")).await {
            Ok(()) | Err(Fault::Precondition) => Ok(()),
            Err(fault) => Err(told(&key.to_string(), fault)),
        }
    }

    /// Deleting does not say whether anything was there; a listing does.
    pub async fn remove(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        if !self.contains(key).await? {
            return Ok(false);
        }
        let path = key.to_string();
        let delete = self.client.delete_object().bucket(&*self.bucket).key(self.name(&path));
        match self.call(async { Ok(delete.send().await.map(drop)?) }).await {
            Ok(()) | Err(Fault::Absent) => Ok(true),
            Err(fault) => Err(told(&path, fault)),
        }
    }

    pub async fn swap(
        &self,
        key: &ObjectKey,
        was: Option<Revision>,
        to: Option<Bytes>,
    ) -> Result<(), StoreError> {
        let path = key.to_string();
        let object = self.fetch(&path).await?;
        let held = object.as_ref().map(|object| &object.bytes).filter(|bytes| !bytes.is_empty());
        if held.map(|bytes| Digest::of(bytes)) != was {
            return Err(StoreError::Conflict { path });
        }
        let tag = object.and_then(|object| object.tag);
        let writer = new_id();
        let written = self.write(key, to.unwrap_or_default(), |put| {
            let put = put.metadata(WRITER, &writer);
            match tag {
                Some(tag) => put.if_match(tag),
                None => put.if_none_match("*"),
            }
        });
        match written.await {
            Ok(()) => Ok(()),
            Err(Fault::Precondition | Fault::Contended(_) | Fault::Absent) => {
                self.was_ours(&path, &writer).await
            }
            Err(fault) => Err(told(&path, fault)),
        }
    }

    pub async fn list(&self, records: Records) -> Result<Vec<Listed>, StoreError> {
        let folder = format!("{}/", records.folder());
        let mut listed: Vec<Listed> = self
            .all(&folder)
            .await?
            .into_iter()
            .filter_map(|found| {
                let name = found.path.strip_prefix(&folder)?.strip_suffix(".json")?.to_owned();
                Some(Listed { name, stamp: found.tag })
            })
            .collect();
        // The bucket sorts whole paths, in which `.json` comes after a dash.
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    pub async fn paths(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.all("").await?.into_iter().map(|found| found.path).collect())
    }

    /// A listing needs the address, the bucket, the credentials and the most common of the rights.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.page("", None, 1).await.map(drop).map_err(|fault| told("", fault))
    }

    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// The one place that every call goes through. Boxed: what the SDK makes of a call takes 18 kB.
    fn call<'a, T>(
        &'a self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Fault>> {
        Box::pin(async move {
            if !self.breaker.admits() {
                return Err(Fault::Unavailable("it failed a moment ago".into()));
            }
            let (started, done) = (Instant::now(), work.await);
            if let Err(Fault::Unavailable(cause)) = &done {
                self.breaker.failed(cause);
                tracing::warn!(bucket = &*self.bucket, after = ?started.elapsed(), %cause, "the store did not answer");
            } else {
                self.breaker.succeeded();
            }
            done
        })
    }

    /// The object, every byte of it as it was put; `None` where there is none. What came damaged is asked for once
    /// more: most damage is done on the way.
    async fn fetch(&self, path: &str) -> Result<Option<Object>, StoreError> {
        let mut fetched = self.fetch_once(path).await;
        if let Err(Fault::Damaged(cause)) = &fetched {
            tracing::warn!(path, %cause, "an object came damaged; asking for it again");
            fetched = self.fetch_once(path).await;
        }
        match fetched {
            Ok(object) => Ok(Some(object)),
            Err(Fault::Absent) => Ok(None),
            Err(fault) => Err(told(path, fault)),
        }
    }

    async fn fetch_once(&self, path: &str) -> Result<Object, Fault> {
        self.call(async {
            let get = self.client.get_object().bucket(&*self.bucket).key(self.name(path));
            let answer = get.checksum_mode(ChecksumMode::Enabled).send().await?;
            let tag = answer.e_tag.clone();
            Ok(Object { bytes: body::read(answer).await?, tag })
        })
        .await
    }

    /// Puts a whole object under the condition that `on` adds.
    async fn write(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        on: impl FnOnce(PutObjectFluentBuilder) -> PutObjectFluentBuilder,
    ) -> Result<(), Fault> {
        let bounds = aws_sdk_s3::config::Builder::new().timeout_config(bounds(bytes.len()));
        let put = self
            .client
            .put_object()
            .bucket(&*self.bucket)
            .key(self.name(&key.to_string()))
            .content_type(key.content_type())
            .cache_control(key.cache_control())
            .set_tagging(tagging(key))
            .set_server_side_encryption(self.encryption.clone())
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(bytes));
        let put = on(put).customize().config_override(bounds);
        self.call(async { Ok(put.send().await.map(drop)?) }).await
    }

    /// A condition that does not hold may be our own doing: an attempt was carried out, its answer was lost, and the
    /// next one met what the first had written.
    async fn was_ours(&self, path: &str, writer: &str) -> Result<(), StoreError> {
        let head = self.client.head_object().bucket(&*self.bucket).key(self.name(path));
        match self.call(async { Ok(head.send().await?) }).await {
            Ok(head) if head.metadata().and_then(|all| all.get(WRITER)).is_some_and(|by| by == writer) => {
                Ok(())
            }
            Ok(_) | Err(Fault::Absent) => Err(StoreError::Conflict { path: path.to_owned() }),
            Err(fault) => Err(told(path, fault)),
        }
    }

    /// What the bucket calls a path of ours.
    fn name(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

/// An empty record is one that was removed; a blob is what it is.
fn is_tombstone(key: &ObjectKey, bytes: u64) -> bool {
    bytes == 0 && key.is_record()
}

/// What lifecycle rules select by.
fn tagging(key: &ObjectKey) -> Option<String> {
    key.class().map(|class| format!("class={class}"))
}

/// A fault with the path it happened at.
fn told(path: &str, fault: Fault) -> StoreError {
    let path = path.to_owned();
    match fault {
        Fault::Precondition => StoreError::Conflict { path },
        Fault::Contended(source) | Fault::Unavailable(source) => {
            StoreError::Unavailable { path, source: source.into() }
        }
        Fault::Damaged(source) => StoreError::Damaged { path, source: source.into() },
        Fault::Refused(source) => StoreError::Refused { path, source: source.into() },
        Fault::Absent | Fault::Stale => {
            let source = Cause::from("it is gone");
            StoreError::Unavailable { path, source: source.into() }
        }
    }
}
