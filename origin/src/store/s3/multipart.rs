//! A large blob goes up in parts, each with its own checksum and its own time, so that a slow line costs one part and
//! not all of them. Nothing is to be seen until the last call puts the parts together; what fails is taken back.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use compositor::Digest;
use futures::{StreamExt, TryStreamExt, stream};

use super::{PART, S3, body, tagging, told};
use crate::aws::{Cause, Fault, bounds};
use crate::store::{ObjectKey, StoreError};

/// Parts of one blob under way at once.
const AT_ONCE: usize = 4;

/// Puts a blob in parts. Asked first: a whole upload only to hear that it is there already is a long one.
pub async fn put(s3: &S3, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
    if s3.contains(key).await? {
        return Ok(());
    }
    let path = key.to_string();
    let upload = Upload::create(s3, key, &bytes).await.map_err(|fault| told(&path, fault))?;
    let Err(fault) = upload.send(&bytes).await else { return Ok(()) };
    upload.abort().await;
    // Somebody else was faster, or only the answer was lost: what counts is that it is there.
    if !matches!(fault, Fault::Unavailable(_)) && s3.contains(key).await? {
        return Ok(());
    }
    Err(told(&path, fault))
}

/// An upload that was begun.
struct Upload<'a> {
    s3: &'a S3,
    name: String,
    id: String,
}

impl<'a> Upload<'a> {
    async fn create(s3: &'a S3, key: &ObjectKey, bytes: &Bytes) -> Result<Self, Fault> {
        let name = s3.name(&key.to_string());
        let create = s3
            .client
            .create_multipart_upload()
            .bucket(&*s3.bucket)
            .key(&name)
            .content_type(key.content_type())
            .cache_control(key.cache_control())
            .set_tagging(tagging(key))
            .set_server_side_encryption(s3.encryption.clone())
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .metadata(body::DIGEST, Digest::of(bytes).to_string());
        let created = s3.call(async { Ok(create.send().await?) }).await?;
        let id =
            created.upload_id.ok_or_else(|| Fault::Unavailable(Cause::from("an upload without an id")))?;
        Ok(Self { s3, name, id })
    }

    async fn send(&self, bytes: &Bytes) -> Result<(), Fault> {
        let parts = (0..bytes.len())
            .step_by(PART)
            .zip(1..)
            .map(|(start, number)| self.part(number, bytes.slice(start..bytes.len().min(start + PART))));
        let parts = stream::iter(parts).buffered(AT_ONCE).try_collect().await?;
        self.complete(parts).await
    }

    async fn part(&self, number: i32, bytes: Bytes) -> Result<CompletedPart, Fault> {
        let bounds = aws_sdk_s3::config::Builder::new().timeout_config(bounds(bytes.len() * AT_ONCE));
        let part = self
            .s3
            .client
            .upload_part()
            .bucket(&*self.s3.bucket)
            .key(&self.name)
            .upload_id(&self.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(bounds);
        let done = self.s3.call(async { Ok(part.send().await?) }).await?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(done.e_tag)
            .set_checksum_sha256(done.checksum_sha256)
            .build())
    }

    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), Fault> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self
            .s3
            .client
            .complete_multipart_upload()
            .bucket(&*self.s3.bucket)
            .key(&self.name)
            .upload_id(&self.id)
            .multipart_upload(parts)
            .if_none_match("*")
            // Putting parts together takes the service its time.
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(bounds(PART)));
        self.s3.call(async { Ok(complete.send().await.map(drop)?) }).await
    }

    /// Takes back what went up. What that misses, the bucket's lifecycle rule for uploads that were never completed
    /// clears away.
    async fn abort(&self) {
        let abort = self.s3.client.abort_multipart_upload();
        let abort = abort.bucket(&*self.s3.bucket).key(&self.name).upload_id(&self.id);
        if let Err(fault) = self.s3.call(async { Ok(abort.send().await.map(drop)?) }).await {
            tracing::warn!(name = self.name, ?fault, "parts of an upload could not be taken back");
        }
    }
}
