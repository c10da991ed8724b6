//! Every route, and the headers that all answers carry.

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::services::ServeDir;
use tower_http::trace::TraceLayer;

use super::studio::{Asked, asked};
use super::{App, document};
use crate::boot::{Boot, Notice};
use crate::pages::alone::Missing;
use crate::studio::{share, words};

/// A page is checked before it is used again: it names files that change with every build.
const PAGE: HeaderValue = HeaderValue::from_static("no-cache");
/// A file whose name is its content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The whole server.
pub fn router(app: App) -> Router {
    let files = ServeDir::new(&app.site.assets).precompressed_br().precompressed_gzip();
    let pages = Router::new()
        .route("/", get(studio))
        .route("/studio", get(studio))
        .fallback(missing)
        .layer(CompressionLayer::new());
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .nest_service(
            "/assets",
            tower::ServiceBuilder::new().layer(middleware::from_fn(forever)).service(files),
        )
        .merge(pages)
        .layer(middleware::from_fn_with_state(app.clone(), guarded))
        .layer(TraceLayer::new_for_http())
        .with_state(app)
}

async fn studio(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let Some(current) = app.catalogue.current().await else {
        return alone(&app, StatusCode::SERVICE_UNAVAILABLE, Missing::Origin);
    };
    let bad = StatusCode::BAD_REQUEST;
    let (status, recipe, selected, notice, wrong) = match asked(&current.catalogue, &query) {
        Asked::Table { recipe, selected } => (StatusCode::OK, recipe, selected, None, None),
        Asked::Wrong { recipe, notice } => (bad, recipe, None, Some(notice), None),
        Asked::Refused { recipe, selected, wrong } => (bad, recipe, selected, None, Some(wrong)),
        Asked::Moved { recipe, selected } => {
            let address = selected
                .map_or_else(|| share::studio_path(&recipe), |layer| share::layer_path(&recipe, layer));
            return Redirect::to(&address).into_response();
        }
        Asked::Nothing => return alone(&app, StatusCode::SERVICE_UNAVAILABLE, Missing::Catalogue),
    };
    let closed = || {
        Notice::calm(
            "The origin does not answer, so the shelves may be a little old. What was rendered before is still served.",
        )
    };
    let boot = Boot {
        catalogue: (*current.catalogue).clone(),
        delivery: app.config.delivery.clone(),
        worker: app.site.manifest.worker.clone(),
        recipe: recipe.to_path(),
        selected,
        notice: notice.or_else(|| (!current.reachable).then(closed)),
        wrong,
        wrong_address: status == bad,
    };
    let caption = words::caption(&recipe, &current.catalogue);
    let picture = share::picture_url(&app.config.delivery, &recipe);
    match document::studio(&app.site.manifest, boot, &caption, &picture) {
        Ok(html) => page(status, html),
        Err(error) => {
            tracing::error!(%error, "the page's facts do not serialise");
            alone(&app, StatusCode::INTERNAL_SERVER_ERROR, Missing::Origin)
        }
    }
}

async fn missing(State(app): State<App>) -> Response {
    alone(&app, StatusCode::NOT_FOUND, Missing::Page)
}

fn alone(app: &App, status: StatusCode, missing: Missing) -> Response {
    page(status, document::alone(&app.site.manifest, &app.config.delivery, missing))
}

fn page(status: StatusCode, html: String) -> Response {
    (status, [(header::CACHE_CONTROL, PAGE)], Html(html)).into_response()
}

async fn forever(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_success() {
        response.headers_mut().insert(header::CACHE_CONTROL, FOREVER);
    }
    response
}

/// What a page may load and who may frame it. Styles in attributes are geometry only: positions on the picture.
async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let delivery = app.config.delivery_origin();
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; \
         img-src 'self' blob: {delivery}; font-src 'self'; connect-src 'self' {delivery}; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let fixed: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, &policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::SocketAddr;

    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::server::Config;
    use crate::studio::sample;

    /// The server over an origin at `origin`, with a built site in a folder that lives as long as the test.
    fn server(origin: SocketAddr) -> (Router, tempfile::TempDir) {
        let site = tempfile::tempdir().unwrap();
        fs::create_dir(site.path().join("assets")).unwrap();
        fs::write(site.path().join("assets/studio-ABC.css"), "a{}").unwrap();
        fs::write(site.path().join("assets/studio-ABC.css.br"), "brotli").unwrap();
        let manifest = r#"{"boot":"/assets/boot.js","worker":"/assets/worker.js","theme":"/assets/theme.js","style":"/assets/studio-ABC.css",
            "icon":"/assets/icon.svg","wasm":"/assets/studio.wasm","fonts":["/assets/serif.woff2"]}"#;
        fs::write(site.path().join("manifest.json"), manifest).unwrap();
        let variables = [
            ("MILLINER_ORIGIN_URL", format!("http://{origin}")),
            ("MILLINER_DELIVERY_URL", "https://img.example".to_owned()),
            ("MILLINER_WEB_SITE", site.path().display().to_string()),
        ];
        let read =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        (router(App::new(Config::read(read).unwrap()).unwrap()), site)
    }

    /// Something that answers `/v1/catalogue` with the sample.
    async fn origin() -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/v1/catalogue", get(|| async { axum::Json(sample::catalogue()) }));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    /// An address at which nobody listens.
    async fn nobody() -> SocketAddr {
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    async fn ask(server: &Router, path: &str) -> (Response<()>, String) {
        let request =
            Request::builder().uri(path).header(header::ACCEPT_ENCODING, "br").body(Body::empty()).unwrap();
        // Pages are compressed on the way out; the tests read them plain.
        let request = if path.starts_with("/assets") { request } else { plain(request) };
        let (head, body) = server.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(head, ()), String::from_utf8(body.to_vec()).unwrap())
    }

    fn plain(mut request: Request) -> Request {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
        request
    }

    fn text<'a>(response: &'a Response<()>, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn the_studio_is_a_whole_page_without_any_script() {
        let (server, _site) = server(origin().await);
        let (response, html) = ask(&server, "/studio?recipe=/c/tabby;w=300/top-hat.png").await;
        assert_eq!(response.status(), StatusCode::OK);
        for part in [
            r#"data-recipe="/c/tabby;w=300/top-hat.png""#,
            r#"src="https://img.example/c/tabby;w=300/top-hat.png""#,
            r#"href="/studio?recipe=/c/tabby;w=300/beret.png&amp;layer=0""#,
            r#"href="https://img.example/docs""#,
            "Tabby in a top hat",
        ] {
            assert!(html.contains(part), "{part} is missing");
        }
    }

    #[tokio::test]
    async fn every_answer_says_what_it_may_load() {
        let (server, _site) = server(origin().await);
        for path in ["/", "/nowhere", "/assets/studio-ABC.css", "/healthz"] {
            let (response, _) = ask(&server, path).await;
            let policy = text(&response, "content-security-policy");
            assert!(policy.contains("img-src 'self' blob: https://img.example;"), "{path}: {policy}");
            assert!(!policy.contains("'unsafe-eval'"), "{path}");
            assert_eq!(text(&response, "x-content-type-options"), "nosniff", "{path}");
        }
    }

    #[tokio::test]
    async fn a_form_leads_to_the_canonical_address() {
        let (server, _site) = server(origin().await);
        let (response, _) =
            ask(&server, "/studio?recipe=%2Fc%2Ftabby%2Ftop-hat.png&layer=0&x=0.10&y=&rotate=352").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(
            text(&response, "location"),
            "/studio?recipe=/c/tabby/top-hat;x=0.1;rotate=-8.png&layer=0"
        );
    }

    #[tokio::test]
    async fn nonsense_is_a_page_that_says_so() {
        let (server, _site) = server(origin().await);
        let (response, html) = ask(&server, "/studio?recipe=/c/tabby;w=0.png").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(html.contains("This link cannot be shown"), "the notice names what is allowed");
        let (response, html) = ask(&server, "/studio?recipe=/c/tabby/top-hat.png&layer=0&rotate=left").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        for part in [
            r#"role="alert" id="layer-rotate-wrong""#,
            r#"aria-describedby="layer-rotate-wrong""#,
            r#"value="left""#,
        ] {
            assert!(html.contains(part), "{part} is missing");
        }
        let (response, html) = ask(&server, "/nowhere").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(html.contains("No hat hangs here"));
    }

    #[tokio::test]
    async fn an_origin_that_never_answered_has_a_page_of_its_own() {
        let (server, _site) = server(nobody().await);
        let (response, html) = ask(&server, "/").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(html.contains("The workshop is closed for a moment"));
    }

    #[tokio::test]
    async fn files_are_kept_for_ever_and_sent_compressed() {
        let (server, _site) = server(nobody().await);
        let (response, body) = ask(&server, "/assets/studio-ABC.css").await;
        assert_eq!(text(&response, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!((text(&response, "content-encoding"), body.as_str()), ("br", "brotli"));
        let (response, _) = ask(&server, "/assets/../manifest.json").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
