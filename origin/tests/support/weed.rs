//! SeaweedFS: an S3 server in one program, with rights, conditions, checksums and encryption.

use std::process::Command;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use origin::aws::{Access, configuration};
use origin::config::{S3Url, StoreUrl};
use origin::store::{S3, Store};

use super::{Place, Server, Shared, ask, command};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub id: &'static str,
    pub secret: &'static str,
}

/// May do everything.
pub const ADMIN: Identity = Identity { id: "admin", secret: "secret-of-admin" };
/// May read and list.
pub const READER: Identity = Identity { id: "reader", secret: "secret-of-reader" };

/// The one bucket. Each test has a prefix of its own there.
const BUCKET: &str = "tests";

/// A running server.
pub struct Weed(Server);

impl Identity {
    pub fn credentials(self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Credentials::new(self.id, self.secret, None, None, "tests"))
    }
}

impl Weed {
    /// The one of this process.
    pub async fn shared() -> Arc<Self> {
        static SHARED: Shared<Weed> = Shared::new();
        SHARED.get(Self::start).await
    }

    async fn start() -> Self {
        let mut server = Server::start("weed", arguments);
        let (s3, master) = (server.address(0), server.address(2));
        server
            .until("volume server", async || {
                ask(master, "/dir/status").await.is_some_and(|(_, text)| text.contains("DataNodes\":[{"))
            })
            .await;
        server.until("S3", async || matches!(ask(s3, "/").await, Some((200 | 403, _)))).await;
        let weed = Self(server);
        let client = weed.client().await;
        client.create_bucket().bucket(BUCKET).send().await.expect("a bucket can be made");
        weed
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.0.address(0)
    }

    /// A store of its own for a test.
    pub async fn store(&self, prefix: &str) -> Store {
        self.store_as(ADMIN, &self.url(prefix, "")).await
    }

    /// The same, as somebody and with a URL made by [`Weed::url`].
    pub async fn store_as(&self, identity: Identity, url: &S3Url) -> Store {
        let (region, endpoint) = (url.region.as_deref(), url.endpoint.as_deref());
        let credentials = Some(identity.credentials());
        Store::S3(S3::with(url, &configuration(Access { region, endpoint, credentials }).await))
    }

    /// What a setting would say. A parameter in `more` wins over ours.
    pub fn url(&self, prefix: &str, more: &str) -> S3Url {
        let text =
            format!("s3://{BUCKET}/{prefix}?region=eu-west-1&endpoint=http://{}{more}", self.address());
        match text.parse() {
            Ok(StoreUrl::S3(url)) => url,
            _ => panic!("{text}"),
        }
    }

    /// The server as others see it.
    pub async fn client(&self) -> Client {
        let endpoint = format!("http://{}", self.address());
        let credentials = Some(ADMIN.credentials());
        let access = Access { region: Some("eu-west-1"), endpoint: Some(&endpoint), credentials };
        let configuration = configuration(access).await;
        let config = aws_sdk_s3::config::Builder::from(&configuration).force_path_style(true);
        Client::from_conf(config.build())
    }
}

fn arguments(place: &Place) -> Command {
    let identity = |Identity { id, secret }: Identity, actions: &[&str]| {
        let credentials = [serde_json::json!({ "accessKey": id, "secretKey": secret })];
        serde_json::json!({ "name": id, "credentials": credentials, "actions": actions })
    };
    let everything = ["Admin", "Read", "Write", "List", "Tagging"];
    let identities = [identity(ADMIN, &everything), identity(READER, &["Read", "List"])];
    let rights = place.folder.join("s3.json");
    std::fs::write(&rights, serde_json::json!({ "identities": identities }).to_string()).unwrap();
    let data = place.folder.join("data");
    std::fs::create_dir_all(&data).unwrap();

    let mut weed = command("weed");
    // The key that encrypts the keys of encrypted objects.
    weed.env("WEED_S3_SSE_KEK", "5a".repeat(32)).current_dir(&place.folder);
    weed.args(["-logtostderr", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"]);
    // What else it would open has ports that every such server shares, or speaks to its makers.
    weed.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]);
    weed.args(["-master.volumeSizeLimitMB=64", "-volume.max=100", "-volume.preStopSeconds=1"]);
    weed.arg(format!("-dir={}", data.display())).arg(format!("-s3.config={}", rights.display()));
    let ports = [
        "s3",
        "s3.port.grpc",
        "master",
        "master.port.grpc",
        "volume",
        "volume.port.grpc",
        "filer",
        "filer.port.grpc",
    ];
    for (name, port) in ports.iter().zip(0..) {
        let name = if name.contains("port") { (*name).to_owned() } else { format!("{name}.port") };
        weed.arg(format!("-{name}={}", place.port(port)));
    }
    weed
}
