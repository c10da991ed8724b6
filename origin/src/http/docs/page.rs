//! `/docs`: the `OpenAPI` document as a page to read, written on the server.

use std::fmt::{self, Write};

use serde_json::{Map, Value};

use crate::http::error::PROBLEMS;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
const STYLE: &str = include_str!("page.css");
const KEYS: &str = include_str!("keys.html");
const RECIPES: &str = include_str!("recipe.html");

/// The page.
pub fn render(openapi: &Value) -> String {
    let mut html = String::with_capacity(64 << 10);
    // Writing to a String cannot fail.
    let _ = write_page(&mut html, openapi);
    html
}

fn write_page(html: &mut String, openapi: &Value) -> fmt::Result {
    let title = text(openapi, "/info/title");
    write!(
        html,
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{title} API</title><style>{STYLE}</style><header><h1>{title}</h1><p>{}</p>\
         <p><a href=/openapi.json>/openapi.json</a> is the same for machines (OpenAPI {}).</p><nav>",
        prose(text(openapi, "/info/description")),
        text(openapi, "/openapi"),
    )?;
    let tags = || openapi.pointer("/tags").and_then(Value::as_array).into_iter().flatten();
    html.write_str("<a href=#recipes>Recipes</a> <a href=#keys>API keys</a> ")?;
    for name in tags().map(|tag| text(tag, "/name")) {
        write!(html, "<a href=\"#{name}\">{name}</a> ")?;
    }
    write!(
        html,
        "<a href=#shapes>Shapes</a> <a href=#problems>Problems</a></nav></header><main>{RECIPES}{KEYS}"
    )?;
    let operations = operations(openapi);
    for tag in tags() {
        let name = text(tag, "/name");
        write!(html, "<section id=\"{name}\"><h2>{name}</h2><p>{}</p>", prose(text(tag, "/description")))?;
        for (method, path, operation) in &operations {
            if text(operation, "/tags/0") == name {
                write_operation(html, method, path, operation)?;
            }
        }
        html.write_str("</section>")?;
    }
    write_schemas(html, openapi)?;
    write_problems(html)?;
    html.write_str("</main></html>")
}

fn operations(openapi: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = openapi.pointer("/paths").and_then(Value::as_object);
    paths
        .into_iter()
        .flatten()
        .flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |method| Some((*method, path.as_str(), item.get(*method)?)))
        })
        .collect()
}

fn write_operation(html: &mut String, method: &str, path: &str, operation: &Value) -> fmt::Result {
    write!(
        html,
        "<article><h3><code class={method}>{}</code> <code>{}</code></h3><p><b>{}.</b> {}</p>",
        method.to_uppercase(),
        escape(path),
        prose(text(operation, "/summary")),
        prose(text(operation, "/description")),
    )?;
    if let Some(scope) = scope(operation) {
        write!(html, "<p class=scope>Key: scope <code>{}</code>.</p>", escape(scope))?;
    }
    let parameters = operation.get("parameters").and_then(Value::as_array);
    if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
        html.write_str("<table><tr><th>parameter<th>in<th>meaning</tr>")?;
        for parameter in parameters {
            write!(
                html,
                "<tr><td><code>{}</code><td>{}<td>{}</tr>",
                escape(text(parameter, "/name")),
                escape(text(parameter, "/in")),
                prose(text(parameter, "/description")),
            )?;
        }
        html.write_str("</table>")?;
    }
    if let Some(content) = operation.pointer("/requestBody/content").and_then(Value::as_object) {
        write!(html, "<p>Body: {}</p>", contents(content))?;
    }
    html.write_str("<table><tr><th>status<th>answer<th>body</tr>")?;
    for (status, response) in operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let body = response.get("content").and_then(Value::as_object).map(contents).unwrap_or_default();
        let description = prose(text(response, "/description"));
        write!(html, "<tr><td>{}<td>{description}<td>{body}</tr>", escape(status))?;
    }
    html.write_str("</table></article>")
}

/// The scope that an operation asks of a key, if it asks for one.
fn scope(operation: &Value) -> Option<&str> {
    let requirements = operation.get("security")?.as_array()?;
    requirements.iter().find_map(|requirement| requirement.pointer("/key/0")?.as_str())
}

/// Media types with their schemas: `application/json (Asset)`.
fn contents(content: &Map<String, Value>) -> String {
    let one =
        |(media_type, body): (&String, &Value)| match schema_name(body.get("schema").unwrap_or(&Value::Null))
        {
            Some(name) => format!("<code>{}</code> (<a href=\"#{name}\">{name}</a>)", escape(media_type)),
            None => format!("<code>{}</code>", escape(media_type)),
        };
    content.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn schema_name(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

fn write_schemas(html: &mut String, openapi: &Value) -> fmt::Result {
    html.write_str("<section id=shapes><h2>Shapes</h2>")?;
    for (name, schema) in
        openapi.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten()
    {
        let description = prose(text(schema, "/description"));
        write!(
            html,
            "<article id=\"{name}\"><h3>{name}</h3><p>{description}</p><table>",
            name = escape(name)
        )?;
        write_fields(html, schema)?;
        html.write_str("</table></article>")?;
    }
    html.write_str("</section>")
}

fn write_fields(html: &mut String, schema: &Value) -> fmt::Result {
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        match schema_name(part) {
            Some(name) => {
                write!(html, "<tr><td colspan=3>everything in <a href=\"#{name}\">{name}</a></tr>")?;
            }
            None => write_fields(html, part)?,
        }
    }
    for (field, shape) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        write!(
            html,
            "<tr><td><code>{}</code><td>{}<td>{}</tr>",
            escape(field),
            shape_name(shape),
            prose(text(shape, "/description")),
        )?;
    }
    Ok(())
}

/// What a field is, in a word or a link.
fn shape_name(shape: &Value) -> String {
    if let Some(name) = schema_name(shape) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    let alternatives = shape.get("oneOf").or_else(|| shape.get("anyOf")).and_then(Value::as_array);
    if let Some(alternatives) = alternatives {
        return alternatives
            .iter()
            .map(shape_name)
            .filter(|name| name != "null")
            .collect::<Vec<_>>()
            .join(" or ");
    }
    match shape.get("type") {
        Some(Value::String(name)) if name == "array" => {
            format!("list of {}", shape_name(shape.get("items").unwrap_or(&Value::Null)))
        }
        Some(Value::String(name)) => escape(name),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.map(escape).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

fn write_problems(html: &mut String) -> fmt::Result {
    html.write_str(
        "<section id=problems><h2>Problems</h2><p>Every error is <code>application/problem+json</code> (RFC 9457). Its \
         <code>type</code> is one of these; its <code>pointer</code>, where there is one, is the place in the recipe \
         or the body that is at fault (RFC 6901).</p><table><tr><th>type<th>status<th>title</tr>",
    )?;
    for (slug, status, title) in PROBLEMS {
        write!(html, "<tr id=\"problem-{slug}\"><td><code>{slug}</code><td>{status}<td>{title}</tr>")?;
    }
    html.write_str("</table></section>")
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Escaped text in which `code` stands between backquotes.
fn prose(text: &str) -> String {
    let escaped = escape(text);
    let parts = escaped.split('`').enumerate();
    parts.map(|(i, part)| if i % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
