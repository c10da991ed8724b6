//! moto: SQS, CloudFront and IAM in one program. It takes any credentials unless it is told to look at them, and forgets
//! what it knew of a message when that is deleted.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
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

    /// One for a test alone: who may do what is settled for all who ask a server.
    pub async fn alone() -> Self {
        Self::start().await
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

    /// From here on signatures and rights are looked at; or no longer.
    pub async fn guard(&self, guarded: bool) {
        let unguarded_calls = if guarded { "0" } else { "inf" };
        self.post("/moto-api/reset-auth", None, unguarded_calls.to_owned()).await;
    }

    /// The id and the secret of somebody who may do this with everything.
    pub async fn user(&self, name: &str, action: &str) -> (String, String) {
        let ask = async |action: &str, more: &[(&str, &str)]| {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("Action", action).append_pair("UserName", name).extend_pairs(more);
            self.post("/", Some("iam"), form.finish()).await
        };
        let allow = serde_json::json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [allow] }).to_string();
        ask("CreateUser", &[]).await;
        ask("PutUserPolicy", &[("PolicyName", "tests"), ("PolicyDocument", &policy)]).await;
        let key = ask("CreateAccessKey", &[]).await;
        (texts(&key, "AccessKeyId").remove(0), texts(&key, "SecretAccessKey").remove(0))
    }

    /// Makes a distribution of CloudFront: its id.
    pub async fn distribution(&self) -> String {
        let made = self.post("/2020-05-31/distribution", Some("cloudfront"), DISTRIBUTION.to_owned()).await;
        texts(&made, "Id").remove(0)
    }

    /// The invalidations of a distribution: what its caller called it, and its paths.
    pub async fn invalidations(&self, distribution: &str) -> Vec<(String, Vec<String>)> {
        let path = format!("/2020-05-31/distribution/{distribution}/invalidation");
        let get =
            async |path: &str| self.send(reqwest::Client::new().get(self.at(path)), Some("cloudfront")).await;
        let mut invalidations = Vec::new();
        for id in texts(&get(&path).await, "Id") {
            let one = get(&format!("{path}/{id}")).await;
            invalidations.push((texts(&one, "CallerReference").remove(0), texts(&one, "Path")));
        }
        invalidations
    }

    async fn post(&self, path: &str, service: Option<&str>, body: String) -> String {
        self.send(reqwest::Client::new().post(self.at(path)).body(body), service).await
    }

    /// It tells services apart by what a signature is for.
    async fn send(&self, request: reqwest::RequestBuilder, service: Option<&str>) -> String {
        let content_type = match service {
            Some("cloudfront") => "application/xml",
            Some(_) => "application/x-www-form-urlencoded",
            None => "text/plain",
        };
        let mut request = request.header("content-type", content_type);
        if let Some(service) = service {
            let scope =
                format!("AWS4-HMAC-SHA256 Credential=tests/20200101/us-east-1/{service}/aws4_request");
            request = request.header("authorization", format!("{scope}, SignedHeaders=host, Signature=0"));
        }
        let answer = request.send().await.expect("moto answers");
        let (status, text) = (answer.status(), answer.text().await.expect("moto answers text"));
        assert!(status.is_success(), "{status} {text}");
        text
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
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

    /// The server as others see it, for whoever can wait.
    pub async fn client(&self) -> Client {
        let endpoint = format!("http://{}", self.address());
        let credentials = Some(credentials());
        let access = Access { region: Some(REGION), endpoint: Some(&endpoint), credentials };
        let config = aws_sdk_sqs::config::Builder::from(&configuration(access).await);
        Client::from_conf(config.timeout_config(TimeoutConfig::disabled()).build())
    }
}

/// As little as there may be.
const DISTRIBUTION: &str = "\
    <DistributionConfig xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
    <CallerReference>tests</CallerReference><Comment>tests</Comment><Enabled>true</Enabled>\
    <Origins><Quantity>1</Quantity><Items><Origin><Id>milliner</Id><DomainName>origin.example</DomainName>\
    <CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort>\
    <OriginProtocolPolicy>https-only</OriginProtocolPolicy></CustomOriginConfig></Origin></Items></Origins>\
    <DefaultCacheBehavior><TargetOriginId>milliner</TargetOriginId>\
    <ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy></DefaultCacheBehavior></DistributionConfig>";

/// The texts of all elements of a name.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let opening = format!("<{name}>");
    let after = xml.split(&opening).skip(1);
    after.filter_map(|rest| rest.split_once("</")).map(|(text, _)| text.to_owned()).collect()
}

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("tests", "secret-of-tests", None, None, "tests"))
}

fn arguments(place: &Place) -> Command {
    let mut moto = command("moto_server");
    moto.args(["-H", "127.0.0.1", "-p", &place.port(0).to_string()]).current_dir(&place.folder);
    moto
}
