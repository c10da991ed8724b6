//! The HTML document around a page: what it loads, and the facts its script starts from. The same for every visitor,
//! so that it can be cached.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;
use leptos::reactive::owner::Owner;

use super::site::Manifest;
use crate::app::App as StudioApp;
use crate::boot::{self, Boot};
use crate::pages::alone::{AlonePage, Missing};

/// The studio with a recipe on the table.
///
/// # Errors
/// Facts that do not serialise.
pub fn studio(
    manifest: &Manifest,
    boot: Boot,
    caption: &str,
    picture: &str,
) -> Result<String, serde_json::Error> {
    let script = boot.to_script()?;
    let title = format!("{caption} · Milliner");
    let description =
        format!("{caption}. Compose a picture from a base and overlays; its URL is the picture.");
    Ok(render(|| {
        view! {
            <html lang="en">
                <head>
                    <Common manifest=manifest.clone() title=title.clone()/>
                    <meta name="description" content=description/>
                    <meta {..custom_attribute("property", "og:title")} content=title/>
                    <meta {..custom_attribute("property", "og:image")} content=picture.to_owned()/>
                    <link rel="modulepreload" href=manifest.boot.clone()/>
                    <link rel="preload" href=manifest.wasm.clone() r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
                    <script id=boot::ELEMENT_ID type="application/json" inner_html=script></script>
                    <script type="module" src=manifest.boot.clone()></script>
                </head>
                <body><StudioApp boot/></body>
            </html>
        }
    }))
}

/// A page without a studio.
pub fn alone(manifest: &Manifest, delivery: &str, missing: Missing) -> String {
    let title = format!("{} · Milliner", missing.title());
    render(|| {
        view! {
            <html lang="en">
                <head>
                    <Common manifest=manifest.clone() title/>
                    <meta name="robots" content="noindex"/>
                </head>
                <body><AlonePage missing docs=format!("{delivery}/docs")/></body>
            </html>
        }
    })
}

/// What every page loads. The theme comes first: it must be known before the first paint.
#[component]
fn Common(manifest: Manifest, title: String) -> impl IntoView {
    let fonts = manifest.fonts.into_iter().map(|font| {
        view! { <link rel="preload" href=font r#as="font" r#type="font/woff2" crossorigin="anonymous"/> }
    });
    view! {
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
        <title>{title}</title>
        <meta name="color-scheme" content="light dark"/>
        <meta name="theme-color" content="#f6f1e6" {..custom_attribute("media", "(prefers-color-scheme: light)")}/>
        <meta name="theme-color" content="#101815" {..custom_attribute("media", "(prefers-color-scheme: dark)")}/>
        <script src=manifest.theme></script>
        {fonts.collect_view()}
        <link rel="stylesheet" href=manifest.style/>
        <link rel="icon" href=manifest.icon type="image/svg+xml"/>
    }
}

/// Runs a view once, on this thread, and gives its HTML.
fn render<V: IntoView>(view: impl FnOnce() -> V) -> String {
    let owner = Owner::new_root(None);
    let html = owner.with(|| view().into_view().to_html());
    drop(owner);
    format!("<!DOCTYPE html>{html}")
}
