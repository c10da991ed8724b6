//! Query parameters of the API. What a call takes stands in its description (`/openapi.json`) and nowhere else:
//! whatever is not described there is refused before the handler, and named.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::error::Error;
use crate::fields::{allowed_names, shown, token};

/// The query parameters of every call that is described, by method and path.
#[derive(Clone)]
pub struct Described(Arc<HashMap<(Method, String), Vec<String>>>);

impl Described {
    /// Those of a description.
    pub fn of(openapi: &OpenApi) -> Self {
        let mut calls = HashMap::new();
        for (path, item) in &openapi.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::HEAD, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    calls.insert((method, path.clone()), parameters(operation));
                }
            }
        }
        Self(Arc::new(calls))
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
        let known = path.and_then(|path| self.0.get(&(request.method().clone(), path)));
        // A method that is not described is refused by the router.
        let Some(known) = known else { return Ok(()) };
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let mut seen: Vec<String> = Vec::new();
        for (name, _) in pairs(request.uri().query().unwrap_or_default())? {
            if !known.iter().any(|known| is_named(known, &name)) {
                return Err(refuse(&name, &format!("is unknown; {}", allowed_names(&name, &known))));
            }
            if seen.contains(&name) {
                return Err(refuse(&name, "is given twice; allowed: once"));
            }
            seen.push(name);
        }
        Ok(())
    }
}

fn parameters(operation: &Operation) -> Vec<String> {
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let in_query = parameters.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
    in_query.map(|parameter| parameter.name.clone()).collect()
}

/// Is this a parameter of that name, or, where the name ends in a variable (`anchor.{name}`), of such a one?
fn is_named(known: &str, name: &str) -> bool {
    match known.split_once('{') {
        Some((prefix, _)) => name.len() > prefix.len() && name.starts_with(prefix),
        None => name == known,
    }
}

/// Lets a request through if its call takes all of its query parameters.
pub async fn require_described(State(known): State<Described>, request: Request, next: Next) -> Response {
    match known.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The query of a request whose parameters are all known, each once.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Every parameter with its value.
    pub fn read(query: &str) -> Result<Self, Error> {
        pairs(query).map(Self)
    }

    /// A parameter as `read` understands it.
    pub fn get<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
        allowed: &str,
    ) -> Result<Option<T>, Error> {
        self.value(name).map(|value| parse(name, value, read, allowed)).transpose()
    }

    /// A parameter as it is.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Every parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The value of a parameter as `read` understands it.
pub fn parse<T>(
    name: &str,
    value: &str,
    read: impl FnOnce(&str) -> Option<T>,
    allowed: &str,
) -> Result<T, Error> {
    let given = if value.is_empty() { "empty".to_owned() } else { format!("`{}`", shown(value)) };
    read(value).ok_or_else(|| refuse(name, &format!("is {given}; allowed: {allowed}")))
}

/// An error about one parameter.
fn refuse(name: &str, what: &str) -> Error {
    let pointer = format!("/query/{}", token(name));
    Error::malformed(pointer, format!("query parameter `{}` {what}", shown(name)))
}

/// Names and values, decoded as a form is (`+` is a blank).
fn pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned)
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let broken = |_| Error::malformed("/query", "the query is not percent-encoded UTF-8");
        Ok((decode(name).map_err(broken)?, decode(value).map_err(broken)?))
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// Query parameters as a type.
pub struct Params<T>(pub T);

impl<T: TryFrom<Query, Error = Error>, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        T::try_from(Query::read(parts.uri.query().unwrap_or_default())?).map(Self)
    }
}
