//! Variables that look like settings and are none. A slip in a name would leave a default in its place unseen, and
//! `MILLINER_SIGNING` is not one to get wrong.

use std::fmt;

use compositor::near::nearest;

use super::SETTINGS;

const PREFIX: &str = "MILLINER_";

/// What the other parts of the project read: the web server, the edge, the tests' tools. One environment may serve all.
const OF_OTHERS: [&str; 10] = [
    "MILLINER_ACCEPT_GOLDENS",
    "MILLINER_API_KEY",
    "MILLINER_BIN",
    "MILLINER_CHROMIUM",
    "MILLINER_DELIVERY_URL",
    "MILLINER_EDGE_LISTEN",
    "MILLINER_ORIGIN_URL",
    "MILLINER_WEB_LISTEN",
    "MILLINER_WEB_SITE",
    "MILLINER_XTASK",
];

/// A variable that nobody reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Stray {
    name: String,
    near: Option<&'static str>,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable {} is no setting; ", self.name)?;
        match self.near {
            Some(near) => write!(f, "did you mean {near}?"),
            None => f.write_str("`milliner serve --help` lists them all"),
        }
    }
}

/// The variables of an environment that begin like ours and that no part of the project reads.
pub fn strays(environment: impl IntoIterator<Item = (String, String)>) -> Vec<Stray> {
    let stray = |(name, value): &(String, String)| !is_ours(name) && !is_of_an_orchestrator(name, value);
    let ours = environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
    ours.filter(stray).map(|(name, _)| Stray { near: near(&name), name }).collect()
}

/// Does any part of the project read this variable?
pub fn is_ours(name: &str) -> bool {
    let of_tests = name.starts_with("MILLINER_TEST_");
    of_tests || OF_OTHERS.contains(&name) || SETTINGS.iter().any(|setting| setting.variable == name)
}

/// Without the prefix, which would make every name a long one with room for many slips.
fn near(name: &str) -> Option<&'static str> {
    let known = || SETTINGS.iter().map(|setting| setting.variable);
    let tail = nearest(name.strip_prefix(PREFIX)?, known().filter_map(|known| known.strip_prefix(PREFIX)))?;
    known().find(|known| known.strip_prefix(PREFIX) == Some(tail))
}

/// Kubernetes gives every container the addresses of its namespace's services; one may be called `milliner`.
fn is_of_an_orchestrator(name: &str, value: &str) -> bool {
    let of_port =
        name.split_once("_PORT_").is_some_and(|(_, port)| port.starts_with(|c: char| c.is_ascii_digit()));
    let of_service = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT");
    of_service || of_port || (name.ends_with("_PORT") && value.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> Vec<String> {
        let pair = |(name, value): &(&str, &str)| (format!("{PREFIX}{name}"), (*value).to_owned());
        strays(variables.iter().map(pair)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_slip_is_named_with_what_may_be_meant() {
        let told = told(&[("STROE", "x"), ("LIMIT_LAYER", "1"), ("SIGNINGKEYS", "x"), ("PORT", "8080")]);
        assert_eq!(told[0], format!("the variable {PREFIX}STROE is no setting; did you mean {PREFIX}STORE?"));
        assert!(told[1].ends_with("MILLINER_LIMIT_LAYERS?") && told[2].ends_with("MILLINER_SIGNING_KEYS?"));
        assert!(told[3].ends_with("lists them all"), "{}", told[3]);
    }

    #[test]
    fn what_somebody_reads_or_an_orchestrator_sets_is_no_slip() {
        assert!(strays([("PATH".to_owned(), "/bin".to_owned())]).is_empty());
        let service = [
            ("STORE", "memory:"),
            ("WEB_LISTEN", "127.0.0.1:3000"),
            ("SERVICE_HOST", "10.0.0.1"),
            ("ORIGIN_SERVICE_PORT_HTTP", "8080"),
            ("PORT", "tcp://10.0.0.1:8080"),
            ("PORT_8080_TCP_ADDR", "10.0.0.1"),
        ];
        assert_eq!(told(&service), Vec::<String>::new());
    }
}
