//! SVG to PNG, in a child process. The SVG parser has no memory bound of its own and a crafted file can ask for
//! anything; so a fresh process under hard limits draws it: memory, time, no new file, no environment. This side
//! starts it; `rasterise/child.rs` is the other.

pub mod child;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longest message taken over from the child.
const MAX_MESSAGE_BYTES: u64 = 2048;

/// Starts rasterising processes.
#[derive(Clone, Debug)]
pub struct Rasteriser {
    program: PathBuf,
    timeout: Duration,
    max_pixels: u64,
    /// As many children at once as there are processors: each may take a gigabyte.
    slots: Arc<Semaphore>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum RasteriseError {
    /// The file's fault.
    #[error("the SVG cannot be drawn: {0}")]
    Refused(String),
    /// The child could not be run.
    #[error("the rasteriser cannot be run: {0}")]
    Io(#[from] std::io::Error),
}

impl Rasteriser {
    /// A rasteriser that starts `program` (this binary) for each SVG.
    pub fn new(program: &Path, timeout: Duration, max_pixels: u64) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let slots = Arc::new(Semaphore::new(processors));
        Self { program: program.to_owned(), timeout, max_pixels, slots }
    }

    /// The SVG at its own size, as PNG.
    pub async fn rasterise(&self, svg: Bytes) -> Result<Vec<u8>, RasteriseError> {
        let _slot = self.slots.acquire().await.map_err(std::io::Error::other)?;
        let mut child = self.start()?;
        if let Ok(result) = timeout(self.timeout, converse(&mut child, &svg)).await {
            result
        } else {
            child.kill().await?;
            Err(RasteriseError::Refused(format!("it takes longer than {:?}", self.timeout)))
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg("rasterise")
            .arg("--max-pixels")
            .arg(self.max_pixels.to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Feeds the child and listens to it at once: neither pipe may fill up.
async fn converse(child: &mut Child, svg: &[u8]) -> Result<Vec<u8>, RasteriseError> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A child that refuses early closes its end: its exit status tells more than this error.
            let _ = stdin.write_all(svg).await;
        }
    };
    let (mut png, mut message) = (Vec::new(), Vec::new());
    let listen_out = async {
        match stdout {
            Some(mut out) => out.read_to_end(&mut png).await,
            None => Ok(0),
        }
    };
    let listen_err = async {
        match stderr {
            Some(err) => err.take(MAX_MESSAGE_BYTES).read_to_end(&mut message).await,
            None => Ok(0),
        }
    };
    let ((), out, err) = tokio::join!(feed, listen_out, listen_err);
    out?;
    err?;
    let status = child.wait().await?;
    match status.code() {
        Some(0) => Ok(png),
        Some(child::REFUSED) => Err(RasteriseError::Refused(sentence(&message))),
        _ => Err(RasteriseError::Refused("drawing it takes too much memory or time".to_owned())),
    }
}

/// What the child said, as far as it was read: the end may be inside a character.
fn sentence(message: &[u8]) -> String {
    String::from_utf8_lossy(message).trim_end_matches(char::REPLACEMENT_CHARACTER).trim().to_owned()
}
