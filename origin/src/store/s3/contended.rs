//! What S3 asks a writer to try again, and the SDK does not know of: it counts as one of the attempts like any other.

use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};

/// Two writers of one object at one moment: the service asks one of them to come again.
#[derive(Debug)]
pub struct RetryContended;

impl ClassifyRetry for RetryContended {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(409) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "contended"
    }
}
