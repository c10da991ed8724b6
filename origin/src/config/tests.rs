//! What variables make of a configuration, and what is said of wrong ones.

use std::collections::HashMap;

use super::*;

fn read(vars: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
    let vars: HashMap<_, _> = vars.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
    Config::read(|name| vars.get(name).cloned())
}

#[test]
fn nothing_set_means_embedded_and_local() {
    let config = read(&[]).unwrap();
    assert_eq!(config.store, StoreUrl::Files("./data".into()));
    assert_eq!(config.queue, QueueUrl::Memory);
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.server.admin_listen, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(config.access.keys, Mode::Optional);
    assert_eq!(config.limits.picture.body_bytes, 32 << 20);
    assert_eq!(config.server.cors_origins, ["http://127.0.0.1:3000", "http://localhost:3000"]);
}

#[test]
fn picture_limits_default_to_the_compositors_own() {
    let ours = read(&[]).unwrap().limits.picture;
    assert_eq!(format!("{ours:?}"), format!("{:?}", Limits::default()));
}

#[test]
fn limits_are_told_with_the_variable_that_sets_them() {
    assert_eq!(variable_of(Limit::TextPixels), Some("MILLINER_LIMIT_CANVAS_PIXELS"));
    assert_eq!(variable_of(Limit::BodyBytes), Some("MILLINER_LIMIT_BODY_BYTES"));
    assert_eq!(variable_of(Limit::CanvasSide), None);
}

#[test]
fn a_public_listener_requires_keys_unless_told() {
    let public = ("MILLINER_LISTEN", "0.0.0.0:8080");
    assert_eq!(read(&[public]).unwrap().access.keys, Mode::Required);
    assert_eq!(read(&[public, ("MILLINER_KEYS", "optional")]).unwrap().access.keys, Mode::Optional);
}

#[test]
fn wrong_values_name_the_variable_what_was_given_and_what_is_allowed() {
    for (variable, given, says) in [
        ("MILLINER_STORE", "ftp://bucket", "file:PATH, memory: or s3://BUCKET"),
        ("MILLINER_STORE", "s3://bucket?profile=me", "file:PATH, memory: or s3://BUCKET"),
        ("MILLINER_LINKS", "redis:cache", "memory:, redis://HOST"),
        ("MILLINER_QUEUE", "sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs", "a FIFO queue"),
        ("MILLINER_RENDER", "queue", "here or queue"),
        ("MILLINER_RENDER", "there", "here or queue"),
        ("MILLINER_CDN", "cloudfront:", "cloudfront:DISTRIBUTION"),
        ("MILLINER_OTLP", "collector:4318", "off or http://"),
        ("MILLINER_OTLP_SAMPLE", "2", "from 0 to 1"),
        ("MILLINER_LISTEN", "here", "ADDRESS:PORT"),
        ("MILLINER_KEYS", "maybe", "auto, optional or required"),
        ("MILLINER_LIMIT_BODY_BYTES", "-1", "a size"),
        ("MILLINER_REQUEST_TIMEOUT", "soon", "a time span"),
        ("MILLINER_SIGNING_KEYS", "short:abc", "id:secret"),
        ("MILLINER_CORS_ORIGINS", "example.org", "http://host:port"),
        ("MILLINER_LOG_FORMAT", "xml", "text or json"),
        ("MILLINER_LIMIT_RENDER_BYTES", "1KiB", "a size"),
        ("MILLINER_ENVIRONMENT", "Production", "lower-case letters"),
        ("MILLINER_LIMIT_ADDRESS_RATE", "0", "off or a whole number from 1"),
        ("MILLINER_TRUSTED_PROXIES", "-1", "a whole number from 0 to 255"),
    ] {
        let text = read(&[(variable, given)]).unwrap_err().to_string();
        assert!(text.starts_with(variable) && text.contains(says), "{text}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let config = read(&[("MILLINER_SIGNING_KEYS", "k1:0123456789abcdef,k2:fedcba9876543210")]).unwrap();
    assert!(!format!("{config:?}").contains("0123456789"));
    for wrong in [
        ("MILLINER_SIGNING_KEYS", "k1:hunter2"),
        ("MILLINER_STORE", "s3://me:hunter2@bucket"),
        ("MILLINER_LINKS", "redis+odd://:hunter2@cache"),
    ] {
        let refused = read(&[wrong]).unwrap_err().to_string();
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    let config = read(&[("MILLINER_LINKS", "rediss://:hunter2@cache")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn required_signing_needs_a_key_and_at_most_two() {
    assert!(read(&[("MILLINER_SIGNING", "required")]).is_err());
    let three = "a:0123456789abcdef,b:0123456789abcdef,c:0123456789abcdef";
    assert!(read(&[("MILLINER_SIGNING_KEYS", three)]).is_err());
}
