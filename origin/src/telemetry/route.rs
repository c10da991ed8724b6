//! Calls that are told apart in numbers and traces: a method and the template of its paths. What is asked for never
//! becomes a label, so that nobody can fill the memory of whoever collects the numbers.

use axum::extract::{MatchedPath, Request};

/// Every call, and last whatever is none of them.
const ROUTES: [(&str, &str); 19] = [
    ("GET", "/c/{recipe}"),
    ("GET", "/i/{key}"),
    ("GET", "/v1/catalogue"),
    ("GET", "/v1/assets"),
    ("GET", "/v1/assets/{id}"),
    ("PUT", "/v1/assets/{id}"),
    ("PATCH", "/v1/assets/{id}"),
    ("DELETE", "/v1/assets/{id}"),
    ("GET", "/v1/assets/{id}/content"),
    ("POST", "/v1/composites"),
    ("GET", "/v1/composites/{key}"),
    ("POST", "/v1/composites/explain"),
    ("POST", "/v1/jobs"),
    ("GET", "/v1/jobs/{id}"),
    ("DELETE", "/v1/jobs/{id}"),
    ("GET", "/v1/jobs/{id}/events"),
    ("POST", "/v1/purge"),
    ("POST", "/v1/sign"),
    ("", "other"),
];

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route(usize);

impl Route {
    /// How many there are.
    pub const COUNT: usize = ROUTES.len();
    /// `GET /c/{recipe}`
    pub const RECIPE: Self = Self(0);
    const OTHER: Self = Self(Self::COUNT - 1);

    /// The call that a request is, once the router has seen it.
    pub fn of(request: &Request) -> Self {
        let Some(matched) = request.extensions().get::<MatchedPath>() else { return Self::OTHER };
        // What takes all the rest of a path is written with a star.
        let template = matched.as_str().replace("{*", "{");
        let method = match request.method().as_str() {
            "HEAD" => "GET",
            method => method,
        };
        ROUTES.iter().position(|known| *known == (method, &*template)).map_or(Self::OTHER, Self)
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Where its numbers are.
    pub fn index(self) -> usize {
        self.0
    }

    /// `GET`, or nothing.
    pub fn method(self) -> &'static str {
        ROUTES[self.0].0
    }

    /// What its paths have in common.
    pub fn template(self) -> &'static str {
        ROUTES[self.0].1
    }
}
