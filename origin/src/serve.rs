//! Listeners and their life: bind, accept, drain. Connections are served by hyper directly rather than by
//! `axum::serve`, for a time-out on request heads and a drain with an end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt;

use crate::app::App;
use crate::config::ServerConfig;
use crate::http::{Peer, build_admin, build_app, shortcut};
use crate::jobs;
use crate::upkeep::{keep_swept, keep_up};
use crate::worker::work;

/// How often a server that leaves looks whether everybody has gone.
const LOOK: Duration = Duration::from_millis(10);
/// How long those are given who came at the last moment and have not asked yet.
const LAST: Duration = Duration::from_secs(1);
/// Pause after a failed accept: it is most often a lack of file descriptors, which passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The sockets of a server, bound but not yet served, and the signals that end it: they are caught from here on, so
/// that whoever sees the server up can stop it in order.
pub struct Listeners {
    /// `None`: nobody is served, work is done.
    pub public: Option<TcpListener>,
    pub admin: Option<TcpListener>,
    terminate: Signal,
    interrupt: Signal,
}

/// What a process does until it is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Answers requests.
    Serve,
    /// Renders what the queue brings.
    Work,
}

/// A server could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{variable}: cannot listen on {address}: {source}")]
    Address { variable: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("signals cannot be caught: {0}")]
    Signals(std::io::Error),
}

impl Listeners {
    /// Binds what the configuration names and the role needs.
    pub async fn bind(app: &App, role: Role) -> Result<Self, BindError> {
        let server = &app.config.server;
        let public = match role {
            Role::Serve => Some(bind("MILLINER_LISTEN", server.listen).await?),
            Role::Work => None,
        };
        let admin = match server.admin_listen {
            Some(address) => Some(bind("MILLINER_ADMIN_LISTEN", address).await?),
            None => None,
        };
        let catch = |kind| signal(kind).map_err(BindError::Signals);
        let (terminate, interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
        Ok(Self { public, admin, terminate, interrupt })
    }
}

async fn bind(variable: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError::Address { variable, address, source })
}

/// Serves, or works where there is no public listener, until SIGTERM or SIGINT, then drains: readiness off, no new
/// connection, no new job, what is running finished, links flushed.
pub async fn serve(app: App, listeners: Listeners) -> std::io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let upkeep = tokio::spawn(keep_up(app.clone(), stopped.clone()));
    let sweeps = tokio::spawn(keep_swept(app.clone(), stopped.clone()));
    let jobs = tokio::spawn(jobs::keep_running(app.clone(), stopped.clone()));
    let admin = listeners.admin.map(|listener| {
        let router = build_admin(&app);
        let door = Door { app: None, router };
        tokio::spawn(accept(listener, door, stopped.clone(), app.config.server.clone()))
    });
    let public = match listeners.public {
        Some(listener) => {
            let door = Door { app: Some(app.clone()), router: build_app(&app) };
            tokio::spawn(accept(listener, door, stopped, app.config.server.clone()))
        }
        None => tokio::spawn(work(app.clone(), stopped)),
    };

    let (mut terminate, mut interrupt) = (listeners.terminate, listeners.interrupt);
    futures::future::select(pin!(terminate.recv()), pin!(interrupt.recv())).await;
    app.start_draining();
    tracing::info!("draining");
    // Nobody listens any more only when everybody has stopped already.
    let _ = stop.send(true);
    for task in [Some(public), admin, Some(jobs), Some(sweeps), Some(upkeep)].into_iter().flatten() {
        task.await.map_err(std::io::Error::other)?;
    }
    app.flush().await.map_err(std::io::Error::other)?;
    tracing::info!("stopped");
    Ok(())
}

/// Returns when it is time to stop; also when whoever would say so is gone.
pub async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Accepts connections until told to stop and for as long after that as callers may not have noticed, then lets the
/// open ones finish for the drain's time. HTTP/1.1 only: that is what load balancers, CDNs and the edge speak to an
/// origin, and waiting for a preface of HTTP/2 has no time-out.
async fn accept(listener: TcpListener, door: Door, mut stopped: watch::Receiver<bool>, config: ServerConfig) {
    let mut builder = Builder::new();
    // Bodies are written from where they are. `pipeline_flush` would copy each of them to gather what is pipelined.
    builder.timer(TokioTimer::new()).header_read_timeout(config.head_timeout);
    let places = Arc::new(Semaphore::new(config.connections));
    let graceful = GracefulShutdown::new();
    let mut left = Box::pin(left(&mut stopped, &graceful, config.drain_delay));
    loop {
        // Who has connected is served, also when it is time.
        let accepted = tokio::select! {
            biased;
            accepted = next(&listener, &places) => accepted,
            () = &mut left => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        prepare(&stream, &config);
        let connection = graceful.watch(connection(&builder, stream, peer, door.clone()));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop((listener, left));
    let (now, most) = (Instant::now(), config.drain_timeout);
    // Either way idle ones are closed then.
    let _ = timeout_at(now + LAST.min(most), all_closed(&graceful)).await;
    if timeout_at(now + most, graceful.shutdown()).await.is_err() {
        tracing::warn!(timeout = ?config.drain_timeout, "some requests did not finish in time");
    }
}

/// Returns when it is time to go: told to stop, and every connection closed by its client, since each answer says from
/// then on that it is the last one of its connection; or the time is over that a load balancer has for noticing. A
/// connection that is closed while a request is on its way would fail that request.
async fn left(stopped: &mut watch::Receiver<bool>, open: &GracefulShutdown, most: Duration) {
    told_to_stop(stopped).await;
    // Either way it is time.
    let _ = timeout(most, all_closed(open)).await;
}

async fn all_closed(open: &GracefulShutdown) {
    while open.count() > 0 {
        tokio::time::sleep(LOOK).await;
    }
}

/// The next connection, once there is a place for it. Until then it waits in the kernel's queue.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer.ip(), place))
}

/// Who takes nothing of an answer is let go by the kernel, which knows how much is taken.
fn prepare(stream: &TcpStream, config: &ServerConfig) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let most = u32::try_from(config.send_timeout.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = set_tcp_user_timeout(stream, most) {
        tracing::debug!(%error, "TCP_USER_TIMEOUT could not be set");
    }
}

fn connection(
    builder: &Builder,
    stream: TcpStream,
    peer: IpAddr,
    door: Door,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<> {
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(request, peer).await) }
    });
    builder.serve_connection(TokioIo::new(stream), service)
}

/// What stands before the router: composites in memory are handed out here.
#[derive(Clone)]
struct Door {
    /// `None`: nothing is handed out here.
    app: Option<App>,
    router: Router,
}

impl Door {
    async fn answer(self, mut request: Request<Incoming>, peer: IpAddr) -> Response {
        if let Some(app) = &self.app
            && !app.is_draining()
            && let Some(response) = short(app, &request)
        {
            return response;
        }
        request.extensions_mut().insert(Peer(peer));
        let Ok(mut response) = self.router.oneshot(request.map(Body::new)).await;
        if self.app.is_some_and(|app| app.is_draining()) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn short(app: &App, request: &Request<Incoming>) -> Option<Response> {
    let plain = request.method() == Method::GET && request.uri().path().starts_with("/c/");
    if plain { shortcut(app, request) } else { None }
}
