//! The queue as a FIFO queue of Amazon SQS. Dead letters are the queue's own redrive policy's to make: what is received
//! too often, unreadable messages with it, goes there without us.
//!
//! Every call goes through [`Sqs::call`].

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use futures::future::BoxFuture;

use super::{Depth, Lent, QueueError, RenderJob};
use crate::aws::{Access, Fault, configuration, new_id, waiting};
use crate::config::SqsUrl;

/// A queue.
#[derive(Clone, Debug)]
pub struct Sqs {
    client: Client,
    url: String,
    visibility: Duration,
    longest_wait: Duration,
    patience: Duration,
}

impl Sqs {
    /// With the credentials that the SDK's chain finds.
    pub async fn open(url: &SqsUrl) -> Self {
        let (region, endpoint) = (Some(url.region.as_str()), url.endpoint.as_deref());
        Self::with(url, &configuration(Access { region, endpoint, credentials: None }).await)
    }

    /// With a configuration made elsewhere.
    pub fn with(url: &SqsUrl, configuration: &SdkConfig) -> Self {
        let client = Client::new(configuration);
        let SqsUrl { visibility, wait: longest_wait, patience, .. } = *url;
        Self { client, url: url.queue_url(), visibility, longest_wait, patience }
    }

    pub fn patience(&self) -> Duration {
        self.patience
    }

    pub fn visibility(&self) -> Duration {
        self.visibility
    }

    pub async fn send(&self, job: &RenderJob) -> Result<(), QueueError> {
        let send = self.client.send_message().queue_url(&self.url).message_body(job.encode());
        let send = send.message_group_id(job.group()).message_deduplication_id(job.identity());
        self.call(async { Ok(send.send().await.map(drop)?) }).await.map_err(told)
    }

    pub(super) async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Lent>, QueueError> {
        let wait = wait.min(self.longest_wait);
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(most as i32)
            .wait_time_seconds(whole_secs(wait))
            .visibility_timeout(whole_secs(self.visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            // An answer that is lost is given again to the SDK's next attempt, and is not lent to nobody.
            .receive_request_attempt_id(new_id())
            .customize()
            .config_override(aws_sdk_sqs::config::Builder::new().timeout_config(waiting(wait)));
        let received = self.call(async { Ok(receive.send().await?) }).await.map_err(told)?;
        Ok(received.messages.unwrap_or_default().into_iter().filter_map(lent).collect())
    }

    pub async fn done(&self, receipt: &str) -> Result<(), QueueError> {
        let delete = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
        self.call(async { Ok(delete.send().await.map(drop)?) }).await.map_err(told)
    }

    pub async fn extend(&self, receipt: &str, by: Duration) -> Result<(), QueueError> {
        let change = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let change = change.visibility_timeout(whole_secs(by));
        self.call(async { Ok(change.send().await.map(drop)?) }).await.map_err(told)
    }

    pub async fn depth(&self) -> Result<Depth, QueueError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Waiting, ApproximateNumberOfMessagesNotVisible as Lent,
        };
        let get = self.client.get_queue_attributes().queue_url(&self.url);
        let get = get.attribute_names(Waiting).attribute_names(Lent);
        let attributes = self.call(async { Ok(get.send().await?) }).await.map_err(told)?.attributes;
        let count = |name| attributes.as_ref()?.get(&name)?.parse().ok();
        let (waiting, lent) = (count(Waiting).unwrap_or_default(), count(Lent).unwrap_or_default());
        Ok(Depth { waiting, lent, oldest: None, dead: None })
    }

    /// The one place that every call goes through. Boxed: what the SDK makes of a call takes many kilobytes.
    fn call<'a, T>(
        &'a self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Fault>> {
        Box::pin(async move {
            let (started, done) = (Instant::now(), work.await);
            if let Err(Fault::Unavailable(cause)) = &done {
                tracing::warn!(url = self.url, after = ?started.elapsed(), %cause, "the queue did not answer");
            }
            done
        })
    }
}

/// A message without a receipt could not be given back, and is not lent to us.
fn lent(message: Message) -> Option<Lent> {
    use MessageSystemAttributeName::{ApproximateReceiveCount, SentTimestamp};
    let number = |name| message.attributes()?.get(&name)?.parse::<u64>().ok();
    let receives = number(ApproximateReceiveCount).and_then(|receives| u32::try_from(receives).ok());
    let sent = number(SentTimestamp).map(|millis| UNIX_EPOCH + Duration::from_millis(millis));
    Some(Lent {
        receives: receives.unwrap_or(1),
        // Clocks differ: what is sent in the future was sent just now.
        age: sent.and_then(|sent| SystemTime::now().duration_since(sent).ok()).unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        receipt: message.receipt_handle?,
    })
}

/// SQS counts in whole seconds; rather a little longer than shorter.
fn whole_secs(span: Duration) -> i32 {
    i32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}

fn told(fault: Fault) -> QueueError {
    match fault {
        Fault::Unavailable(source) | Fault::Contended(source) | Fault::Damaged(source) => {
            QueueError::Unavailable { source: source.into() }
        }
        Fault::Refused(source) => QueueError::Refused { source: source.into() },
        Fault::Stale => QueueError::Expired,
        Fault::Absent | Fault::Precondition => {
            QueueError::Refused { source: "there is no such queue".into() }
        }
    }
}
