//! The one list of settings: variable, flag, default, meaning. `--help`, the parser and the documentation are made
//! from it, so they cannot disagree.

use std::collections::HashMap;

use clap::{Arg, ArgMatches, Command};

/// One thing that can be set, by flag or by variable.
pub struct Setting {
    pub variable: &'static str,
    pub flag: &'static str,
    pub value: &'static str,
    pub default: &'static str,
    /// What a wrong value is told.
    pub allowed: &'static str,
    pub help: &'static str,
    /// Never echoed back.
    pub secret: bool,
}

const fn setting(
    variable: &'static str,
    flag: &'static str,
    value: &'static str,
    default: &'static str,
    allowed: &'static str,
    help: &'static str,
) -> Setting {
    Setting { variable, flag, value, default, allowed, help, secret: false }
}

const SIZE: &str = "a size in bytes, or with KiB, MiB or GiB";
const SPAN: &str = "a time span such as 500ms, 10s or 2m";
const COUNT: &str = "a whole number from 1";
const PIXELS: &str = "a whole number of pixels";

/// Every setting.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("MILLINER_STORE", "store", "URL", "file:./data",
        "file:PATH, memory: or s3://BUCKET/PREFIX?region=NAME&endpoint=URL&path-style=true|false&sse=aes256|none, with or without its prefix and parameters",
        "Where assets and composites are kept: a folder, or a bucket and what its names begin with (s3://BUCKET/PREFIX)"),
    Setting { secret: true, ..setting("MILLINER_LINKS", "links", "URL", "memory:",
        "memory:, redis://HOST, redis+sentinel://HOST,HOST/MASTER or redis+cluster://HOST,HOST; rediss for TLS",
        "Where the records of finished composites are kept, and what instances share; memory: is one instance's own, journalled beside a file: store") },
    setting("MILLINER_REDIS_TIMEOUT", "redis-timeout", "SPAN", "250ms", SPAN,
        "Longest a call to Redis may take; after it everything goes on without"),
    setting("MILLINER_QUEUE", "queue", "URL", "memory:",
        "memory: or sqs://sqs.REGION.amazonaws.com/ACCOUNT/NAME.fifo?region=NAME&endpoint=URL&visibility=SPAN&wait=SPAN&patience=SPAN (a FIFO queue: its name ends in .fifo), with or without parameters",
        "Where renders wait that are done in the background: in this process, or in a FIFO queue of SQS (sqs://HOST/ACCOUNT/NAME.fifo)"),
    setting("MILLINER_RENDER", "render", "WHERE", "here", "here or queue",
        "Who renders what nobody has: the instance that is asked, or `milliner work` by way of the queue"),
    setting("MILLINER_ANSWER_WITHIN", "answer-within", "SPAN", "10s", SPAN,
        "Longest a caller waits for a render that the queue was given; past it 202 and a job"),
    Setting { secret: true, ..setting("MILLINER_CDN", "cdn", "URL", "off", "off, webhook:https://… or cloudfront:DISTRIBUTION?region=NAME&endpoint=URL, with or without parameters",
        "Who is told the paths that a purge dropped: a webhook is sent {\"paths\": […]}, a distribution of CloudFront an invalidation") },
    setting("MILLINER_SWEEP_UNUSED", "sweep-unused", "SPAN", "off", "off or a time span such as 720h or 30d",
        "How long a composite is kept that nobody asks for; one that is asked for later is rendered again"),
    setting("MILLINER_LISTEN", "listen", "ADDRESS:PORT", "127.0.0.1:8080", "ADDRESS:PORT",
        "Public listener"),
    setting("MILLINER_ADMIN_LISTEN", "admin-listen", "ADDRESS:PORT", "127.0.0.1:9464", "ADDRESS:PORT or off",
        "Admin listener: metrics, health with detail"),
    setting("MILLINER_PUBLIC_URL", "public-url", "URL", "", "empty, or http://host:port or https://host without a trailing slash",
        "What signed URLs begin with; empty: they are paths"),
    setting("MILLINER_TRUSTED_PROXIES", "trusted-proxies", "COUNT", "0", "a whole number from 0 to 255",
        "Proxies in front that append to X-Forwarded-For; 0: a client is whoever connects"),
    setting("MILLINER_CORS_ORIGINS", "cors-origins", "ORIGINS", "http://127.0.0.1:3000,http://localhost:3000",
        "a comma-separated list of http://host:port or https://host",
        "Web origins whose pages may write; reading is open to all"),
    setting("MILLINER_KEYS", "keys", "MODE", "auto", "auto, optional or required",
        "Whether API calls need a key; auto: optional on a loopback listener, required otherwise and on Lambda"),
    setting("MILLINER_ENVIRONMENT", "environment", "NAME", "", "1 to 64 lower-case letters, digits or '-'",
        "The environment whose API keys are taken, made and listed; empty: those of any, and new ones are of none"),
    setting("MILLINER_SIGNING", "signing", "MODE", "optional", "optional or required",
        "Whether URLs of recipes must be signed, so that nobody else has pictures rendered; those that were stay open by key (/i/…). A signature that is there is always checked"),
    Setting { secret: true, ..setting("MILLINER_SIGNING_KEYS", "signing-keys", "KEYS", "",
        "one or two id:secret, comma-separated; the id of 1 to 32 letters, digits, '-' or '_', the secret of 16 or more characters",
        "URL signing keys; the first signs, all verify. Prefer the variable: flags show in process lists") },
    setting("MILLINER_LIMIT_BODY_BYTES", "limit-body-bytes", "SIZE", "32MiB", SIZE,
        "Largest request body"),
    setting("MILLINER_LIMIT_SOURCE_PIXELS", "limit-source-pixels", "PIXELS", "50000000", PIXELS,
        "Largest image that is decoded"),
    setting("MILLINER_LIMIT_CANVAS_PIXELS", "limit-canvas-pixels", "PIXELS", "50000000", PIXELS,
        "Largest picture that is drawn"),
    setting("MILLINER_LIMIT_DRAWN_PIXELS", "limit-drawn-pixels", "PIXELS", "200000000", PIXELS,
        "Largest area that all layers of one picture may cover together"),
    setting("MILLINER_LIMIT_LAYERS", "limit-layers", "COUNT", "16", "a whole number from 0 to 16",
        "Most layers of one picture"),
    setting("MILLINER_LIMIT_WORKING_BYTES", "limit-working-bytes", "SIZE", "768MiB", SIZE,
        "Most working memory of one render"),
    setting("MILLINER_LIMIT_RENDER_BYTES", "limit-render-bytes", "SIZE", "1536MiB",
        "a size in bytes, or with KiB, MiB or GiB, not below MILLINER_LIMIT_WORKING_BYTES",
        "Most working memory of all renders at once"),
    setting("MILLINER_LIMIT_QUEUE", "limit-queue", "COUNT", "256", COUNT,
        "Renders that may wait; past that 503"),
    setting("MILLINER_LIMIT_QUEUE_TIMEOUT", "limit-queue-timeout", "SPAN", "20s", SPAN,
        "Longest a render may wait"),
    setting("MILLINER_LIMIT_UPLOADS", "limit-uploads", "COUNT", "16", COUNT,
        "Uploads under way at once; past that 503"),
    setting("MILLINER_LIMIT_CONNECTIONS", "limit-connections", "COUNT", "8192", COUNT,
        "Connections served at once, on each listener; others wait to be accepted"),
    setting("MILLINER_LIMIT_ADDRESS_RATE", "limit-address-rate", "CALLS", "off", "off or a whole number from 1",
        "Calls a minute of one client address to the API and for pictures that are not in memory; past that 429"),
    setting("MILLINER_LIMIT_SVG_TIMEOUT", "limit-svg-timeout", "SPAN", "10s", SPAN,
        "Longest one SVG may take to rasterise"),
    setting("MILLINER_CACHE_COMPOSITE_BYTES", "cache-composite-bytes", "SIZE", "256MiB", SIZE,
        "Memory for finished composites"),
    setting("MILLINER_CACHE_DECODED_BYTES", "cache-decoded-bytes", "SIZE", "256MiB", SIZE,
        "Memory for decoded assets"),
    setting("MILLINER_CACHE_RESOLVED_URLS", "cache-resolved-urls", "COUNT", "8192", COUNT,
        "Delivery URLs whose resolution is remembered"),
    setting("MILLINER_CATALOGUE_POLL", "catalogue-poll", "SPAN", "2s", SPAN,
        "How often changes made by other processes (milliner import) are looked for"),
    setting("MILLINER_HEAD_TIMEOUT", "head-timeout", "SPAN", "30s", SPAN,
        "Longest a connection may idle, and take over the head of a request"),
    setting("MILLINER_SEND_TIMEOUT", "send-timeout", "SPAN", "30s", SPAN,
        "Longest a caller may take nothing of what it is sent, before its connection is ended"),
    setting("MILLINER_REQUEST_TIMEOUT", "request-timeout", "SPAN", "60s", SPAN,
        "Longest a request may take, its body included"),
    setting("MILLINER_DRAIN_DELAY", "drain-delay", "SPAN", "2s", SPAN,
        "Longest a server that was told to stop still takes requests, for callers that have not noticed"),
    setting("MILLINER_DRAIN_TIMEOUT", "drain-timeout", "SPAN", "25s", SPAN,
        "Longest a shutdown waits for running requests"),
    setting("MILLINER_LOG", "log", "FILTER", "info", "a filter such as info, debug or milliner=debug,hyper=warn",
        "What is logged, to standard error"),
    setting("MILLINER_LOG_FORMAT", "log-format", "FORMAT", "text", "text or json",
        "How it is written"),
    setting("MILLINER_OTLP", "otlp", "URL", "off", "off or http://HOST:4318 or https://HOST",
        "OpenTelemetry collector that traces are sent to (OTLP over HTTP)"),
    setting("MILLINER_OTLP_SAMPLE", "otlp-sample", "RATIO", "1", "a number from 0 to 1",
        "The part of traces that is sent, where the caller has not decided"),
];

/// The settings given as flags, by variable.
#[derive(Clone, Debug, Default)]
pub struct Flags(HashMap<&'static str, String>);

impl Flags {
    /// What a command line gave of the settings that its command uses.
    pub fn of(matches: &ArgMatches, uses: &[&'static str]) -> Self {
        let given = |variable: &&'static str| Some((*variable, matches.get_one::<String>(variable)?.clone()));
        Self(uses.iter().filter_map(given).collect())
    }

    /// The value of a setting: its flag, else its variable in the process environment.
    pub fn or_environment(&self, variable: &'static str) -> Option<String> {
        self.0.get(variable).cloned().or_else(|| std::env::var(variable).ok())
    }
}

/// A command that takes these settings as flags, and its own commands with it.
pub fn with_flags(command: Command, uses: &[&'static str]) -> Command {
    let used = SETTINGS.iter().filter(|setting| uses.contains(&setting.variable));
    command.args(used.map(Setting::to_arg))
}

impl Setting {
    fn to_arg(&self) -> Arg {
        let default = if self.default.is_empty() { "none" } else { self.default };
        Arg::new(self.variable)
            .long(self.flag)
            .value_name(self.value)
            .help(format!("{} [env: {}] [default: {default}]", self.help, self.variable))
            .help_heading("Settings (each also a variable)")
            .hide_short_help(true)
            .global(true)
    }
}

#[cfg(test)]
mod tests {
    use super::SETTINGS;

    #[test]
    fn a_flag_is_its_variable_in_other_letters() {
        for setting in SETTINGS {
            let expected = setting.variable.trim_start_matches("MILLINER_").to_lowercase().replace('_', "-");
            assert_eq!(setting.flag, expected);
        }
    }
}
