//! Load: callers who ask for what is known nine times of ten, and for something new the tenth. Every answer is looked
//! at, not only counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Client;
use tokio::task::JoinSet;

/// Callers at once.
const CALLERS: usize = 32;
/// Pictures that everybody knows.
const KNOWN: usize = 20;

/// What answers were like, by kind.
#[derive(Debug, Default)]
pub struct Tally {
    pub hits: Vec<Duration>,
    pub misses: Vec<Duration>,
    /// How often each other status came, `0` for a connection that broke, with the path of one.
    pub others: HashMap<u16, (u64, String)>,
    /// Answers of 503 that do not say when to come back.
    pub unexplained: u64,
    /// Answers of 200 that are not the picture.
    pub damaged: u64,
}

/// Callers that go on until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Tally>,
}

/// What is asked for, of whom.
pub struct Target {
    client: Client,
    urls: Vec<String>,
    known: Vec<(String, Bytes)>,
    /// The width of the next picture that nobody has asked for.
    next: AtomicU64,
}

impl Target {
    /// These servers, each of which answers everything known once.
    pub async fn of(urls: Vec<String>) -> Arc<Self> {
        let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let mut known = Vec::new();
        for i in 0..KNOWN {
            let path = format!("/c/cat;w={}/hat.png", 100 + i);
            let mut bodies = Vec::new();
            for url in &urls {
                let answer = client.get(format!("{url}{path}")).send().await.unwrap();
                assert_eq!(answer.status(), 200);
                bodies.push(answer.bytes().await.unwrap());
            }
            assert!(bodies.iter().all(|body| *body == bodies[0]));
            known.push((path, bodies.swap_remove(0)));
        }
        Arc::new(Self { client, urls, known, next: AtomicU64::new(0) })
    }

    /// A path that nobody has asked for.
    pub fn new_path(&self) -> String {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        format!("/c/cat;w={};h={}/hat.png", 20 + n % 80, 20 + n / 80)
    }

    /// Starts callers.
    pub fn load(self: &Arc<Self>) -> Load {
        let (stop, mut callers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for caller in 0..CALLERS {
            let (target, stop) = (Arc::clone(self), Arc::clone(&stop));
            callers.spawn(async move { target.call(caller, &stop).await });
        }
        Load { stop, callers }
    }

    /// Callers for so long.
    pub async fn load_for(self: &Arc<Self>, span: Duration) -> Tally {
        let load = self.load();
        tokio::time::sleep(span).await;
        load.stop().await
    }

    async fn call(&self, caller: usize, stop: &AtomicBool) -> Tally {
        let mut tally = Tally::default();
        let mut turn = caller;
        while !stop.load(Ordering::Relaxed) {
            turn += 1;
            let url = &self.urls[turn % self.urls.len()];
            let known = (!turn.is_multiple_of(10)).then(|| &self.known[turn % KNOWN]);
            let path = known.map_or_else(|| self.new_path(), |(path, _)| path.clone());
            let started = Instant::now();
            let (status, explained, body) = self.ask(&format!("{url}{path}")).await;
            let took = started.elapsed();
            match (status, known) {
                (200, Some((_, expected))) => {
                    tally.hits.push(took);
                    tally.damaged += u64::from(body != *expected);
                }
                (200, None) => {
                    tally.misses.push(took);
                    tally.damaged += u64::from(!is_whole(&body));
                }
                _ => {
                    let other = tally.others.entry(status).or_insert((0, path));
                    other.0 += 1;
                    tally.unexplained += u64::from(status == 503 && !explained);
                }
            }
        }
        tally
    }

    async fn ask(&self, url: &str) -> (u16, bool, Bytes) {
        let Ok(answer) = self.client.get(url).send().await else { return (0, false, Bytes::new()) };
        let (status, explained) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        match answer.bytes().await {
            Ok(body) => (status, explained, body),
            Err(_) => (0, false, Bytes::new()),
        }
    }
}

/// Does the decoder find a picture from its first to its last pixel?
pub fn is_whole(png: &[u8]) -> bool {
    let Ok(mut reader) = png::Decoder::new(std::io::Cursor::new(png)).read_info() else { return false };
    let Some(size) = reader.output_buffer_size() else { return false };
    let mut pixels = vec![0; size];
    reader.next_frame(&mut pixels).is_ok() && reader.finish().is_ok()
}

impl Load {
    /// Lets every caller finish what it asked for.
    pub async fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        while let Some(tally) = self.callers.join_next().await {
            all.add(tally.unwrap());
        }
        all
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.hits.extend(other.hits);
        self.misses.extend(other.misses);
        self.unexplained += other.unexplained;
        self.damaged += other.damaged;
        for (status, (count, path)) in other.others {
            self.others.entry(status).or_insert((0, path)).0 += count;
        }
    }

    pub fn count(&self, status: u16) -> u64 {
        self.others.get(&status).map_or(0, |(count, _)| *count)
    }

    /// Everything was answered, and was what was asked for.
    #[track_caller]
    pub fn assert_all_answered(&self) {
        assert!(self.others.is_empty() && self.damaged == 0, "{:?}, {} damaged", self.others, self.damaged);
        assert!(!self.hits.is_empty() && !self.misses.is_empty());
    }

    /// What was known was answered; what was new, or 503 with a time to come back.
    #[track_caller]
    pub fn assert_degraded(&self) {
        self.assert_degraded_to(&[503]);
    }

    /// The same, and what is new was drawn from what is in memory.
    #[track_caller]
    pub fn assert_drawn_from_memory(&self) {
        self.assert_degraded();
        assert!(!self.misses.is_empty(), "{:?}", self.others);
    }

    /// The same with other statuses.
    #[track_caller]
    pub fn assert_degraded_to(&self, statuses: &[u16]) {
        assert!(self.others.keys().all(|status| statuses.contains(status)), "{:?}", self.others);
        assert_eq!((self.unexplained, self.damaged), (0, 0));
        assert!(self.others.values().all(|(_, path)| path.contains(";h=")), "a hit: {:?}", self.others);
        assert!(!self.hits.is_empty());
    }

    /// The 99th percentile of hits.
    pub fn p99(&self) -> Duration {
        let mut hits = self.hits.clone();
        hits.sort();
        hits.get(hits.len() * 99 / 100).copied().unwrap_or_default()
    }
}
