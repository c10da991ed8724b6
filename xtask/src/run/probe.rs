//! Is a server ready? One plain HTTP request over loopback, with nothing but the standard library:
//! enough to read a status line, and no more.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Long enough for a first render behind the page, short enough to notice a dead child meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether `GET url` answers 200 now.
pub fn answers(url: &str) -> bool {
    status(url).is_some_and(|status| status == 200)
}

fn status(url: &str) -> Option<u16> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect_timeout(&host.parse().ok()?, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?; // at once: a server may answer before it has read the rest
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answer(text: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readyz", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<_> = request.take_while(|line| !line.is_empty()).collect();
            assert_eq!(head[0], "GET /readyz HTTP/1.1");
            stream.write_all(text.as_bytes()).unwrap();
        });
        url
    }

    #[test]
    fn only_200_is_ready() {
        assert!(answers(&answer("HTTP/1.1 200 OK\r\n\r\n")));
        assert!(!answers(&answer("HTTP/1.1 503 Service Unavailable\r\n\r\n")));
        assert!(!answers(&answer("garbage\r\n")));
    }

    #[test]
    fn nobody_there_is_not_ready() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!answers(&format!("http://127.0.0.1:{port}")));
    }
}
