//! `/openapi.json` and `/docs`.

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::Method;

use crate::support::{Origin, png, request};

#[tokio::test]
async fn the_description_is_openapi_3_1_and_lists_every_call() {
    let origin = Origin::stocked().await;
    let answer = origin.get("/openapi.json").await;
    let value = answer.value();
    assert_eq!(value["openapi"], "3.1.0");
    let calls: BTreeSet<String> = value["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let expected = [
        "delete /v1/assets/{id}",
        "delete /v1/jobs/{id}",
        "get /c/{recipe}",
        "get /i/{key}.{ext}",
        "get /v1/assets",
        "get /v1/assets/{id}",
        "get /v1/assets/{id}/content",
        "get /v1/catalogue",
        "get /v1/composites/{key}",
        "get /v1/jobs/{id}",
        "get /v1/jobs/{id}/events",
        "patch /v1/assets/{id}",
        "post /v1/composites",
        "post /v1/composites/explain",
        "post /v1/jobs",
        "post /v1/purge",
        "post /v1/sign",
        "put /v1/assets/{id}",
    ];
    assert_eq!(calls.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn every_error_is_described_as_a_problem() {
    let origin = Origin::stocked().await;
    let value = origin.get("/openapi.json").await.value();
    let operations =
        value["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let responses = operations.flat_map(|operation| operation["responses"].as_object().unwrap());
    let errors: Vec<_> = responses.filter(|(status, _)| status.starts_with(['4', '5'])).collect();
    assert!(errors.len() > 20);
    for (status, response) in errors {
        assert!(
            response["content"]["application/problem+json"]["schema"]["$ref"].is_string(),
            "{status} {response}"
        );
    }
}

#[tokio::test]
async fn every_call_is_described_as_one_that_may_come_too_often_or_in_an_outage() {
    let value = Origin::empty().await.get("/openapi.json").await.value();
    for (path, item) in value["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            for status in ["429", "503"] {
                assert!(call["responses"][status].is_object(), "{method} {path} {status}");
            }
        }
    }
    assert!(value["paths"]["/i/{key}.{ext}"]["get"]["responses"]["422"].is_object());
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere() {
    let origin = Origin::stocked().await;
    let text = origin.get("/openapi.json").await.text();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"#/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(value.pointer(&format!("/{reference}")).is_some(), "{reference}");
    }
}

/// Methods of a generated client are named after them.
#[tokio::test]
async fn every_call_has_a_name_of_its_own() {
    let value = Origin::empty().await.get("/openapi.json").await.value();
    let operations =
        value["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let names: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[tokio::test]
async fn recipes_are_described_with_every_parameter_and_no_other() {
    let value = Origin::empty().await.get("/openapi.json").await.value();
    let allowed = |path: &str| {
        let error = compositor::Recipe::parse(path).unwrap_err().to_string();
        let (_, allowed) = error.split_once("allowed: ").unwrap();
        allowed.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<BTreeSet<_>>()
    };
    let described = |schema: &str| {
        let schema = value.pointer(&format!("/components/schemas/{schema}/properties")).unwrap();
        schema.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
    };
    let with = |mut names: BTreeSet<String>, more: &[&str]| {
        names.extend(more.iter().map(|name| (*name).to_owned()));
        names
    };
    let base = allowed("/c/a;zzz=1.png");
    assert_eq!((described("Size"), described("BaseObject")), (base.clone(), with(base, &["id"])));
    let texts = allowed("/c/a/~text;t=SEk;zzz=1.png");
    let layers = &texts | &allowed("/c/a/~fill;zzz=1.png");
    assert_eq!(described("LayerObject"), with(layers, &["id", "text"]));
}

#[tokio::test]
async fn the_described_asset_is_the_written_asset() {
    let origin = Origin::stocked().await;
    let value = origin.get("/openapi.json").await.value();
    let described = value.pointer("/components/schemas/Asset/properties").unwrap().as_object().unwrap();
    let patch = serde_json::json!({"licence": "MIT", "focus": {"x": 0.5, "y": 0.5}});
    // Large enough to have levels.
    assert_eq!(origin.put("/v1/assets/cat", "image/png", png(300, 300, [9, 9, 9, 255])).await.status, 200);
    origin.json(Method::PATCH, "/v1/assets/cat", &patch).await;
    let manifest = origin.get("/v1/catalogue").await.value();
    let written = manifest["assets"][0].as_object().unwrap();
    let names =
        |object: &serde_json::Map<String, serde_json::Value>| object.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(described), names(written));
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let origin = Origin::stocked().await;
    let page = origin.get("/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let html = page.text();
    assert!(html.contains("/v1/assets/{id}/content") && html.contains("id=\"problem-bad-recipe\""));
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
}

#[tokio::test]
async fn the_page_explains_every_parameter_and_every_scope() {
    let page = Origin::empty().await.get("/docs").await.text();
    for path in ["/c/a;zzz=1.png", "/c/a/b;zzz=1.png", "/c/a/~text;t=SEk;zzz=1.png", "/c/a/~fill;zzz=1.png"] {
        let error = compositor::Recipe::parse(path).unwrap_err().to_string();
        let (_, allowed) = error.split_once("allowed: ").unwrap();
        for parameter in allowed.split(", ").map(|name| name.trim_matches('`')) {
            assert!(page.contains(&format!("<code>{parameter}</code>")), "{parameter}");
        }
    }
    for scope in ["read", "write", "render", "sign"] {
        assert!(page.contains(&format!("scope <code>{scope}</code>")), "{scope}");
    }
    assert!(page.contains("x-api-key"));
}

#[tokio::test]
async fn the_root_leads_on() {
    let origin = Origin::stocked().await;
    let machine = origin.get("/").await;
    let welcome = machine.value();
    assert_eq!((machine.header("vary"), machine.header("content-type")), ("accept", "application/json"));
    assert_eq!(welcome["example"], "/c/cat;w=800/hat.png");
    for path in ["docs", "openapi", "example"] {
        assert_eq!(origin.get(welcome[path].as_str().unwrap()).await.status, 200, "{path}");
    }
    let browser = origin.get_with("/", &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")]).await;
    assert_eq!(browser.header("content-type"), "text/html; charset=utf-8");
    assert!(
        browser.text().contains("href=\"/c/cat;w=800/hat.png\"") && browser.text().contains("href=/docs")
    );
    assert_eq!(Origin::empty().await.get("/").await.value().get("example"), None);
}

const OPERATING: &str = include_str!("../../../docs/operating.md");

/// The rows of the operators' document whose first cell is a name that begins so.
fn rows(beginning: &str) -> Vec<&'static str> {
    let beginning = format!("| `{beginning}");
    OPERATING.lines().filter(|line| line.starts_with(&beginning)).collect()
}

#[tokio::test]
async fn operators_are_told_of_every_metric_and_of_no_other() {
    let exposed = Origin::stocked().await.admin("/metrics").await.text();
    let types = exposed.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let exposed: BTreeSet<String> = types
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, kind)| format!("| `{name}` | {kind} |"))
        .collect();
    let written = rows("milliner_").into_iter();
    let written: BTreeSet<String> =
        written.map(|row| row.splitn(4, '|').take(3).collect::<Vec<_>>().join("|") + "|").collect();
    assert_eq!(written, exposed);
}

#[tokio::test]
async fn every_call_has_numbers_of_its_own() {
    let origin = Origin::stocked().await;
    let description = origin.get("/openapi.json").await.value();
    for (path, calls) in description["paths"].as_object().unwrap() {
        for method in calls.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            // To the router a key and its extension are one segment.
            let route = path.split('.').next().unwrap();
            let count = format!("milliner_request_seconds_count{{method=\"{method}\",route=\"{route}\"}}");
            let before = origin.metric(&count).await;
            let some = path.replace("{id}", "cat").replace(['{', '}'], "");
            origin.send(request(method.parse().unwrap(), &some, &[], Vec::new())).await;
            assert_eq!(origin.metric(&count).await, before + 1, "{method} {some}");
        }
    }
    let others = "milliner_request_seconds_count{method=\"\",route=\"other\"}";
    let before = origin.metric(others).await;
    origin.get("/nowhere").await;
    origin.delete("/v1/catalogue").await;
    assert!(origin.metric(others).await >= before + 2, "what is none of them");
}

#[tokio::test]
async fn alarms_are_on_metrics_that_there_are() {
    let exposed = Origin::stocked().await.admin("/metrics").await.text();
    let (_, alarms) = OPERATING.split_once("### What to scale on").unwrap();
    let (alarms, _) = alarms.split_once("## Traces").unwrap();
    let names: BTreeSet<&str> = alarms
        .split('`')
        .filter(|word| word.starts_with("milliner_"))
        .map(|word| word.split('{').next().unwrap())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(exposed.contains(&format!("# TYPE {name} ")), "{name}");
    }
}

#[test]
fn operators_are_told_of_lines_that_are_logged() {
    let mut source = String::new();
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut source);
    let rows = OPERATING.lines().filter(|line| line.starts_with("| ERROR |") || line.starts_with("| WARN |"));
    let lines: Vec<_> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert!(lines.len() > 5, "{lines:?}");
    for line in lines {
        assert!(source.contains(line), "{line}");
    }
}

fn read(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn operators_are_told_of_every_setting_and_of_no_other() {
    let row = |setting: &origin::config::Setting| {
        let default = match setting.default {
            "" => "none".to_owned(),
            default => format!("`{default}`"),
        };
        format!("| `{}` | {default} | {} |", setting.variable, setting.help)
    };
    let settings: Vec<String> = origin::config::SETTINGS.iter().map(row).collect();
    assert_eq!(rows("MILLINER_"), settings);
}

const EXAMPLE: &str = include_str!("../../../.env.example");

#[test]
fn the_example_of_an_environment_has_every_setting_and_no_other() {
    let lines = |setting: &origin::config::Setting| {
        format!("# {}\n#{}={}\n", setting.help, setting.variable, setting.default)
    };
    let settings: Vec<String> = origin::config::SETTINGS.iter().map(lines).collect();
    let (written, _) = EXAMPLE.split_once("# The web server\n").unwrap();
    let (_, written) = written.split_once("\n\n").unwrap();
    assert_eq!(written, settings.join("\n") + "\n");
}
