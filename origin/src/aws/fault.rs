//! What went wrong in a call, by what follows from it: something is not there, somebody was faster, try later, or
//! somebody has to change a setting. A refusal is never read as an absence.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

/// Why a call did not do what it was asked.
#[derive(Debug)]
pub enum Fault {
    /// The service says that the thing itself is not there.
    Absent,
    /// The condition of the call does not hold.
    Precondition,
    /// The loan that the call is about is over.
    Stale,
    /// Others were writing the same thing, attempt after attempt.
    Contended(Cause),
    /// Not reached in time, or the service has a problem of its own: it may work later.
    Unavailable(Cause),
    /// Credentials, rights, names or addresses are not right: it will not work later.
    Refused(Cause),
    /// Bytes were lost or changed on their way, or where they are kept.
    Damaged(Cause),
}

/// The reason in a sentence, for the log. It names no credential.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Cause {
    /// An error with all that caused it, each told once.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut told = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            let text = source.to_string();
            if !told.contains(&text) {
                told = format!("{told}: {text}");
            }
            next = source.source();
        }
        Self(told)
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Fault
where
    E: ProvideErrorMetadata + RequestId + Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(answer) => answered(answer.raw().status().as_u16(), answer.err()),
            SdkError::ConstructionFailure(_) => Self::Refused(Cause::of(&error)),
            _ if lacks_credentials(&error) => Self::Refused(Cause::of(&error)),
            _ => Self::Unavailable(Cause::of(&error)),
        }
    }
}

/// What is told with the status of a mistake of ours, and passes.
const LATER: [&str; 7] = [
    "IncompleteBody",
    "OverLimit",
    "RequestThrottled",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
    "KmsThrottled",
];

/// By status, and by code where a status has several meanings.
fn answered<E: ProvideErrorMetadata + RequestId>(status: u16, error: &E) -> Fault {
    let code = error.code().unwrap_or_default();
    let says = |text: &str| error.message().is_some_and(|message| message.to_lowercase().contains(text));
    let cause = Cause(Told { status, error }.to_string());
    match (status, code) {
        (404, "NoSuchKey" | "NotFound" | "") => Fault::Absent,
        (412, _) => Fault::Precondition,
        (409, "ConditionalRequestConflict" | "OperationAborted") => Fault::Contended(cause),
        (400, "ReceiptHandleIsInvalid" | "MessageNotInflight") => Fault::Stale,
        // The same, for FIFO queues; the code has other meanings elsewhere.
        (400, "InvalidParameterValue") if says("receipt handle has expired") => Fault::Stale,
        (
            400,
            "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch",
        ) => Fault::Damaged(cause),
        (400 | 403, code) if LATER.contains(&code) => Fault::Unavailable(cause),
        (408 | 429 | 500.., _) => Fault::Unavailable(cause),
        _ => Fault::Refused(cause),
    }
}

/// Nobody gave any; a provider that failed is another thing.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain
        .filter_map(|error| error.downcast_ref::<CredentialsError>())
        .any(|error| matches!(error, CredentialsError::CredentialsNotLoaded(_)))
}

/// An answer as the log shows it.
struct Told<'a, E> {
    status: u16,
    error: &'a E,
}

impl<E: ProvideErrorMetadata + RequestId> fmt::Display for Told<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for part in [self.error.code(), self.error.message()].into_iter().flatten() {
            write!(f, " {part}")?;
        }
        match self.error.request_id() {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}
