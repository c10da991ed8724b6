//! What the suites share: small real images, and an origin without a socket.

#![allow(dead_code, reason = "each suite uses its part of this")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use origin::app::App;
use origin::config::Config;
use origin::http::{build_admin, build_app};
use origin::keys::{Grant, Scope};
use serde_json::Value;
use tower::ServiceExt;

/// The real binary.
pub const MILLINER: &str = env!("CARGO_BIN_EXE_milliner");

/// An opaque picture of one colour, as PNG.
pub fn png(width: u32, height: u32, colour: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    let pixels = colour.repeat((width * height) as usize);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// A picture that no encoder makes smaller.
pub fn noise(side: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let pixels: Vec<u8> = (0..side * side).flat_map(|_| [next(), next(), next(), 255]).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// An opaque picture of one colour, as JPEG.
pub fn jpeg(width: u16, height: u16, colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = colour.repeat(usize::from(width) * usize::from(height));
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// A font of a few boxes, with TrueType outlines and with CFF outlines.
pub const TTF: &[u8] = include_bytes!("../../../compositor/tests/fonts/blocks.ttf");
pub const OTF: &[u8] = include_bytes!("../../../compositor/tests/fonts/blocks.otf");

/// A square drawn by an SVG.
pub fn svg(side: u32) -> Vec<u8> {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{side}' height='{side}'>\
         <circle cx='{0}' cy='{0}' r='{0}' fill='#7c2436'/></svg>",
        side / 2
    )
    .into_bytes()
}

/// A key that allows this, for whoever asks.
pub fn grant(scopes: &[Scope]) -> Grant {
    let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
    Grant { name: "test".to_owned(), scopes, ..Grant::default() }
}

/// An origin on memory, with a cat and a hat unless said otherwise.
#[derive(Clone)]
pub struct Origin {
    pub app: App,
    router: Router,
    admin: Router,
    description: Arc<Value>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Origin {
    /// Nothing in it.
    pub async fn empty() -> Self {
        Self::with(&[]).await
    }

    /// Nothing in it, and these settings.
    pub async fn with(settings: &[(&'static str, &str)]) -> Self {
        let settings: Vec<(&str, String)> = settings.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        let lookup = |name: &'static str| settings.iter().find(|(k, _)| *k == name).map(|(_, v)| v.clone());
        let lookup = |name| lookup(name).or_else(|| (name == "MILLINER_STORE").then(|| "memory:".to_owned()));
        let config = Config { rasteriser: MILLINER.into(), ..Config::read(lookup).unwrap() };
        let app = App::open(config).await.unwrap();
        let router = build_app(&app);
        let description =
            answer(router.clone(), request(Method::GET, "/openapi.json", &[], Vec::new())).await;
        Self { router, admin: build_admin(&app), app, description: Arc::new(description.value()) }
    }

    /// A cat of 40 × 40 and a hat of 20 × 10.
    pub async fn stocked() -> Self {
        Self::empty().await.stock().await
    }

    /// The same on a store on disk.
    pub async fn stocked_at(folder: &Path) -> Self {
        Self::with(&[("MILLINER_STORE", &format!("file:{}", folder.display()))]).await.stock().await
    }

    /// Puts a cat and a hat in.
    pub async fn stock(self) -> Self {
        let cat = "/v1/assets/cat?kind=base&tags=cat,test&anchor.head=0.5,0.25,0.5";
        let hat = "/v1/assets/hat?kind=overlay&anchor.head=0.5,0.9,0.8";
        let cat = self.put(cat, "image/png", png(40, 40, [200, 120, 40, 255])).await;
        let hat = self.put(hat, "image/png", png(20, 10, [40, 40, 60, 255])).await;
        assert_eq!((cat.status, hat.status), (StatusCode::CREATED, StatusCode::CREATED), "{cat:?} {hat:?}");
        self
    }

    /// Every answer to a call of the API is one that its description names.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = answer(self.router.clone(), request).await;
        if let Some(call) = self.described(&method, &path)
            && !answer.is_of_every_call()
        {
            let named = &call["responses"][answer.status.as_str()];
            assert!(named.is_object(), "{method} {path}: {} is not described", answer.status);
        }
        answer
    }

    /// The description of a call.
    fn described(&self, method: &Method, path: &str) -> Option<&Value> {
        let paths = self.description["paths"].as_object().unwrap();
        let fits = |template: &str| match template {
            "/c/{recipe}" => path.starts_with("/c/"),
            "/i/{key}.{ext}" => path.starts_with("/i/"),
            _ => {
                let (wanted, given) = (template.split('/'), path.split('/'));
                wanted.clone().count() == given.clone().count()
                    && wanted.zip(given).all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
            }
        };
        let method = if method == Method::HEAD { "get" } else { &method.as_str().to_ascii_lowercase() };
        // A path without variables comes before one with them.
        let mut fitting: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
        fitting.sort_by_key(|(template, _)| template.contains('{'));
        fitting.first().and_then(|(_, item)| item.get(method))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request(Method::GET, path, headers, Vec::new())).await
    }

    pub async fn head(&self, path: &str) -> Answer {
        self.send(request(Method::HEAD, path, &[], Vec::new())).await
    }

    pub async fn put(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        self.send(request(Method::PUT, path, &[("content-type", content_type)], body)).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(request(method, path, &headers, body.to_string().into_bytes())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(request(Method::DELETE, path, &[], Vec::new())).await
    }

    /// From the admin listener.
    pub async fn admin(&self, path: &str) -> Answer {
        answer(self.admin.clone(), request(Method::GET, path, &[], Vec::new())).await
    }

    /// One sample of `/metrics`, a count.
    pub async fn metric(&self, sample: &str) -> u64 {
        let text = self.admin("/metrics").await.text();
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample} in {text}")).parse().unwrap()
    }

    /// The path of everything stored.
    pub async fn stored(&self) -> Vec<String> {
        self.app.store.paths().await.unwrap()
    }

    /// How much of everything is stored: `{"assets": 2, …}`.
    pub async fn stored_kinds(&self) -> Vec<(String, usize)> {
        let mut kinds: Vec<(String, usize)> = Vec::new();
        for path in self.stored().await {
            let kind = path.split('/').next().unwrap().to_owned();
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        kinds
    }
}

pub fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(body)).unwrap()
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Can any call be answered like this, whatever it is?
    fn is_of_every_call(&self) -> bool {
        let slugs = ["not-found", "method-not-allowed", "uri-too-long", "internal", "unavailable"];
        self.header("content-type") == "application/problem+json" && {
            let problem = self.value()["type"].as_str().unwrap().to_owned();
            slugs.iter().any(|slug| problem.ends_with(&format!("#problem-{slug}")))
        }
    }

    /// Is it a problem document with this status and type, at this pointer?
    #[track_caller]
    pub fn assert_problem(&self, status: u16, slug: &str, pointer: Option<&str>) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.value();
        assert_eq!(problem["type"], format!("/docs#problem-{slug}"));
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["instance"].is_string(), "{problem}");
        assert_eq!(problem["pointer"].as_str(), pointer, "{problem}");
    }
}
