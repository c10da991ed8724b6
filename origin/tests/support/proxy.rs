//! A line that breaks on demand: a TCP proxy before a real server, which can cut, flip, hold, slow down, reset and
//! refuse. What it does to a connection counts from the moment it was told to.

#![allow(dead_code, reason = "each suite uses its part of this")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passed on at once.
const PIECE: usize = 16 << 10;

/// What is wrong with the line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    /// Ends a connection, in order, after so many bytes of answers.
    Cut(u64),
    /// Ends it without order, as a machine does that lost its state.
    Reset,
    /// Ends every new connection at once.
    Refuse,
    /// Ends a connection instead of answering a request that begins so.
    Lose(&'static str),
    /// Changes one bit whenever so many bytes of answers have passed.
    Flip(u64),
    /// Passes so many bytes of answers on, then nothing, and leaves the connection open.
    Hold(u64),
    /// Holds every piece of an answer back for a while.
    Delay(Duration),
    /// Bytes a second, in both directions.
    Throttle(u64),
    /// Says this to every request, and ends the connection.
    Say(&'static str),
}

/// The trouble, how often it strikes, and a number that tells it from the ones before.
#[derive(Clone, Debug)]
struct State {
    trouble: Trouble,
    number: u64,
    strikes: Arc<AtomicUsize>,
}

impl State {
    /// Takes one strike, if any is left.
    fn strike(&self) -> bool {
        let take = |left: usize| left.checked_sub(1);
        self.strikes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }
}

/// A proxy that listens until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accept: JoinHandle<()>,
}

impl Proxy {
    /// Before this server.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let healthy = State { trouble: Trouble::None, number: 0, strikes: Arc::default() };
        let (state, told) = watch::channel(healthy);
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connect(stream, server, told.clone()));
            }
        });
        Self { address, state, accept }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every connection ends after so many more bytes of answers.
    pub fn cut_after(&self, bytes: u64) {
        self.set(Trouble::Cut(bytes), usize::MAX);
    }

    /// The next connection that comes so far does; then all is well.
    pub fn cut_once_after(&self, bytes: u64) {
        self.set(Trouble::Cut(bytes), 1);
    }

    /// The next request that begins so is carried out, and its answer lost.
    pub fn lose_answer_to(&self, beginning: &'static str) {
        self.set(Trouble::Lose(beginning), 1);
    }

    /// One byte in so many of answers is wrong.
    pub fn flip_every(&self, bytes: u64) {
        self.set(Trouble::Flip(bytes), usize::MAX);
    }

    /// The byte after so many is wrong, once.
    pub fn flip_once_after(&self, bytes: u64) {
        self.set(Trouble::Flip(bytes), 1);
    }

    /// Nothing comes after so many more bytes of answers; 0: a server that is dead and does not say so.
    pub fn hold_after(&self, bytes: u64) {
        self.set(Trouble::Hold(bytes), usize::MAX);
    }

    /// Every piece of an answer comes later by this much.
    pub fn delay(&self, by: Duration) {
        self.set(Trouble::Delay(by), usize::MAX);
    }

    /// No faster than this, in both directions.
    pub fn throttle(&self, bytes_per_sec: u64) {
        self.set(Trouble::Throttle(bytes_per_sec), usize::MAX);
    }

    /// Connections that are there, and new ones, are reset at once.
    pub fn refuse(&self) {
        self.set(Trouble::Refuse, usize::MAX);
    }

    /// Connections that are there are reset, and new ones at their first byte.
    pub fn reset(&self) {
        self.set(Trouble::Reset, usize::MAX);
    }

    /// Nobody is asked: this is the answer to everything.
    pub fn answer(&self, said: &'static str) {
        self.set(Trouble::Say(said), usize::MAX);
    }

    /// How often the trouble has struck.
    pub fn struck(&self) -> usize {
        usize::MAX - self.state.borrow().strikes.load(Ordering::SeqCst)
    }

    /// All is well again.
    pub fn heal(&self) {
        self.set(Trouble::None, 0);
    }

    fn set(&self, trouble: Trouble, strikes: usize) {
        self.state.send_modify(|state| {
            let number = state.number + 1;
            *state = State { trouble, number, strikes: Arc::new(strikes.into()) };
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// How the answers of a connection ended.
enum Ending {
    InOrder,
    Reset,
}

async fn connect(mut client: TcpStream, server: SocketAddr, mut told: watch::Receiver<State>) {
    let refused = told.borrow_and_update().trouble == Trouble::Refuse;
    let upstream = if refused { None } else { TcpStream::connect(server).await.ok() };
    let ending = match upstream {
        Some(mut upstream) => pass(&mut client, &mut upstream, &mut told).await,
        None => Ending::Reset,
    };
    if let Ending::Reset = ending {
        // A connection that is dropped so tells the other side that it was broken.
        let _ = client.set_zero_linger();
    }
}

async fn pass(client: &mut TcpStream, server: &mut TcpStream, told: &mut watch::Receiver<State>) -> Ending {
    // Small pieces must not wait for each other: the tests are about other delays.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let (of_requests, of_answers) = (told.clone(), told.clone());
    let lost = AtomicBool::new(false);
    let requests = async {
        pass_requests(from_client, to_server, of_requests, &lost).await;
        std::future::pending().await
    };
    tokio::select! {
        ending = pass_answers(from_server, to_client, of_answers, &lost) => ending,
        ending = requests => ending,
        ending = broken(told) => ending,
    }
}

/// Waits for trouble that ends what is there.
async fn broken(told: &mut watch::Receiver<State>) -> Ending {
    while told.changed().await.is_ok() {
        if let Trouble::Reset | Trouble::Refuse = told.borrow_and_update().trouble {
            return Ending::Reset;
        }
    }
    std::future::pending().await
}

async fn pass_requests(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    told: watch::Receiver<State>,
    lost: &AtomicBool,
) {
    let mut buffer = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let state = told.borrow().clone();
        match state.trouble {
            Trouble::Throttle(rate) => throttle(read, rate).await,
            Trouble::Lose(beginning) if buffer.starts_with(beginning.as_bytes()) && state.strike() => {
                lost.store(true, Ordering::SeqCst);
            }
            _ => {}
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

async fn pass_answers(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    told: watch::Receiver<State>,
    lost: &AtomicBool,
) -> Ending {
    let (mut buffer, mut number, mut passed) = (vec![0; PIECE], 0, 0);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if lost.load(Ordering::SeqCst) {
            return Ending::InOrder;
        }
        let state = told.borrow().clone();
        if state.number != number {
            (number, passed) = (state.number, 0);
        }
        let piece = &mut buffer[..read];
        let mut end = passed + read as u64;
        let place = |limit: u64| (passed..end).contains(&limit).then(|| (limit - passed) as usize);
        match state.trouble {
            Trouble::Cut(limit) => {
                if let Some(at) = place(limit).filter(|_| state.strike()) {
                    let _ = to.write_all(&piece[..at]).await;
                    return Ending::InOrder;
                }
            }
            Trouble::Flip(limit) => {
                if let Some(at) = place(limit).filter(|_| state.strike()) {
                    piece[at] ^= 1;
                    end = (read - at) as u64;
                }
            }
            Trouble::Hold(limit) => {
                if let Some(at) = place(limit) {
                    let _ = to.write_all(&piece[..at]).await;
                    std::future::pending::<()>().await;
                }
            }
            Trouble::Delay(by) => tokio::time::sleep(by).await,
            Trouble::Throttle(rate) => throttle(read, rate).await,
            Trouble::Reset => return Ending::Reset,
            Trouble::Say(said) => {
                state.strike();
                let _ = to.write_all(said.as_bytes()).await;
                return Ending::InOrder;
            }
            Trouble::None | Trouble::Refuse | Trouble::Lose(_) => {}
        }
        passed = end;
        if to.write_all(piece).await.is_err() {
            break;
        }
    }
    Ending::InOrder
}

async fn throttle(bytes: usize, rate: u64) {
    tokio::time::sleep(Duration::from_secs_f64(bytes as f64 / rate as f64)).await;
}
