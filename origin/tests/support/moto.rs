//! moto: SQS in one program. It takes any credentials, and forgets what it knew of a message when that is deleted.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use origin::aws::{Access, configuration};
use origin::config::{QueueUrl, SqsUrl};
use origin::queue::{Queue, Sqs};

use super::{Place, Server, Shared, ask, command};

const REGION: &str = "eu-west-1";
const ACCOUNT: &str = "123456789012";

/// A running server.
pub struct Moto(Server);

impl Moto {
    /// The one of this process.
    pub async fn shared() -> Arc<Self> {
        static SHARED: Shared<Moto> = Shared::new();
        SHARED.get(Self::start).await
    }

    async fn start() -> Self {
        let mut server = Server::start("moto_server", arguments);
        let address = server.address(0);
        server.until("SQS", async || matches!(ask(address, "/moto-api/").await, Some((200, _)))).await;
        Self(server)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address(0)
    }

    /// Makes a queue, and `dead-NAME` for what was received three times.
    pub async fn make(&self, name: &str) {
        let client = self.client().await;
        let make = |name: String| {
            client
                .create_queue()
                .queue_name(format!("{name}.fifo"))
                .attributes(QueueAttributeName::FifoQueue, "true")
        };
        make(format!("dead-{name}")).send().await.expect("a queue can be made");
        let redrive = serde_json::json!({
            "deadLetterTargetArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:dead-{name}.fifo"),
            "maxReceiveCount": 3,
        });
        let redriving =
            make(name.to_owned()).attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
        redriving.send().await.expect("a queue can be made");
    }

    /// What a setting would say.
    pub fn url(&self, name: &str, visibility: &str) -> SqsUrl {
        Self::url_at(self.address(), name, visibility)
    }

    /// The same, by way of somebody else.
    pub fn url_at(at: SocketAddr, name: &str, visibility: &str) -> SqsUrl {
        let host = format!("sqs.{REGION}.amazonaws.com");
        let text = format!("sqs://{host}/{ACCOUNT}/{name}.fifo?endpoint=http://{at}&visibility={visibility}");
        match text.parse() {
            Ok(QueueUrl::Sqs(url)) => url,
            _ => panic!("{text}"),
        }
    }

    pub async fn queue(&self, url: &SqsUrl) -> Queue {
        let access = Access {
            region: Some(&url.region),
            endpoint: url.endpoint.as_deref(),
            credentials: Some(credentials()),
        };
        Queue::Sqs(Sqs::with(url, &configuration(access).await))
    }

    /// The server as others see it.
    pub async fn client(&self) -> Client {
        let endpoint = format!("http://{}", self.address());
        let credentials = Some(credentials());
        let access = Access { region: Some(REGION), endpoint: Some(&endpoint), credentials };
        Client::new(&configuration(access).await)
    }
}

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("tests", "secret-of-tests", None, None, "tests"))
}

fn arguments(place: &Place) -> Command {
    let mut moto = command("moto_server");
    moto.args(["-H", "127.0.0.1", "-p", &place.port(0).to_string()]).current_dir(&place.folder);
    moto
}
