//! Reading an object to its end, within bounds on time and only as it was put. The SDK compares a checksum where the
//! answer brings one of the whole object; what went up in parts brings one of its parts, so for it the digest that we
//! put into the metadata is compared here. The length is compared in either case.

use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::{Bytes, BytesMut};
use compositor::Digest;
use tokio::time::{Instant, timeout, timeout_at};

use crate::aws::{ATTEMPT, Cause, Fault, OPERATION, transfer_time};

/// The digest of a whole object, in its metadata.
pub const DIGEST: &str = "digest";
/// Longest between two pieces of a body.
const PIECE: Duration = ATTEMPT;
/// Most that is set aside on a header's word alone.
const TRUSTED: u64 = 64 << 20;

/// The whole body.
pub async fn read(answer: GetObjectOutput) -> Result<Bytes, Fault> {
    let length = answer.content_length.and_then(|length| u64::try_from(length).ok());
    let digest = answer.metadata.as_ref().and_then(|all| all.get(DIGEST)).cloned();
    let end = Instant::now() + OPERATION + transfer_time(length.unwrap_or_default());
    let bytes = timeout_at(end, collect(answer, length))
        .await
        .map_err(|_| Fault::Unavailable(Cause::from("its body came too slowly")))??;
    if length.is_some_and(|length| length != bytes.len() as u64) {
        return Err(Fault::Damaged(Cause::from("its body is not as long as it should be")));
    }
    if digest.is_some_and(|digest| digest != Digest::of(&bytes).to_string()) {
        return Err(Fault::Damaged(Cause::from("its body is not what was put")));
    }
    Ok(bytes)
}

async fn collect(mut answer: GetObjectOutput, length: Option<u64>) -> Result<Bytes, Fault> {
    let mut bytes = BytesMut::with_capacity(length.unwrap_or_default().min(TRUSTED) as usize);
    loop {
        match timeout(PIECE, answer.body.next()).await {
            Ok(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
            Ok(Some(Err(error))) => return Err(Fault::Damaged(Cause::of(&error))),
            Ok(None) => return Ok(bytes.freeze()),
            Err(_) => return Err(Fault::Unavailable(Cause::from("its body stopped coming"))),
        }
    }
}
