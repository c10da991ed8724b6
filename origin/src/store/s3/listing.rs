//! What is there, page by page. A listing is told of every byte that was acknowledged before it began.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;

use super::{S3, told};
use crate::aws::{Cause, Fault};
use crate::store::StoreError;

/// Most that one page holds.
const PAGE: i32 = 1000;

/// An object as listed.
pub struct Found {
    pub path: String,
    pub tag: String,
    pub bytes: u64,
}

impl S3 {
    /// Everything under a path that is not empty, sorted by path.
    pub(super) async fn all(&self, under: &str) -> Result<Vec<Found>, StoreError> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let page = self.page(under, next, PAGE).await.map_err(|fault| told(under, fault))?;
            all.extend(self.found(&page).filter(|found| found.bytes > 0));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn page(
        &self,
        under: &str,
        from: Option<String>,
        most: i32,
    ) -> Result<ListObjectsV2Output, Fault> {
        let list = self.client.list_objects_v2().bucket(&*self.bucket).prefix(self.name(under));
        let list = list.set_continuation_token(from).max_keys(most);
        match self.call(async { Ok(list.send().await?) }).await {
            // Only a bucket can be missing here, whatever the answer calls it.
            Err(Fault::Absent) => Err(Fault::Refused(Cause::from("there is no such bucket"))),
            page => page,
        }
    }

    pub(super) fn found<'a>(&'a self, page: &'a ListObjectsV2Output) -> impl Iterator<Item = Found> + 'a {
        page.contents().iter().filter_map(|object| {
            Some(Found {
                path: object.key()?.strip_prefix(&*self.prefix)?.to_owned(),
                tag: object.e_tag().unwrap_or_default().to_owned(),
                bytes: object.size().unwrap_or_default().unsigned_abs(),
            })
        })
    }
}
