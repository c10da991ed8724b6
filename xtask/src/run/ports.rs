//! The four ports of a running product. Chosen and checked before anything is built, so that a
//! taken one is the first thing said and not the last.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

#[derive(Debug, PartialEq, Eq)]
pub struct Ports {
    pub origin: u16,
    pub admin: u16,
    pub edge: u16,
    pub web: u16,
}

impl Ports {
    const USUAL: Ports = Ports { origin: 8080, admin: 9464, edge: 8787, web: 3000 };

    /// The usual ports, four from `base` on, or any free ones; all of them free at this moment.
    pub fn choose(base: Option<u16>, free: bool) -> Result<Ports> {
        if free {
            return Ports::any();
        }
        let ports = base.map_or(Ok(Ports::USUAL), Ports::from)?;
        for (name, port) in ports.named() {
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
                bail!(
                    "port {port} ({name}) is taken: stop the program that listens there, \
                     or choose others with --port-base PORT (four from there on) or --free-ports"
                );
            }
        }
        Ok(ports)
    }

    fn from(base: u16) -> Result<Ports> {
        let at = |offset| base.checked_add(offset).context("--port-base leaves no room below 65536");
        Ok(Ports { origin: at(0)?, admin: at(1)?, edge: at(2)?, web: at(3)? })
    }

    /// All four held at once, so that the system gives four different ones.
    fn any() -> Result<Ports> {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let held = [listen()?, listen()?, listen()?, listen()?];
        let port = |index: usize| held[index].local_addr().map(|address| address.port());
        Ok(Ports { origin: port(0)?, admin: port(1)?, edge: port(2)?, web: port(3)? })
    }

    fn named(&self) -> [(&'static str, u16); 4] {
        [("origin", self.origin), ("origin, admin", self.admin), ("edge", self.edge), ("web", self.web)]
    }

    pub fn origin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.origin)
    }

    pub fn edge_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.edge)
    }

    pub fn web_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.web)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Ports::choose(Some(port), false).unwrap_err().to_string();
        assert!(error.starts_with(&format!("port {port} (origin) is taken")), "{error}");
    }

    #[test]
    fn free_ports_differ() {
        let ports = Ports::choose(None, true).unwrap();
        let mut all = ports.named().map(|(_, port)| port).to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_base_at_the_very_end_is_refused() {
        assert!(Ports::choose(Some(65535), false).is_err());
    }
}
