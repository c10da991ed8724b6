//! Admission and drawing. A render waits in a queue bounded by count, runs when its predicted memory fits the budget
//! of all renders, and draws on a blocking thread where a panic is one failed render.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use compositor::{Composite, Compositor, Digest, Ingredients, Placeholder, Plan, RenderError, placeholder};
use futures::future::try_join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::config::{CacheConfig, LimitConfig};
use crate::links::Told;
use crate::store::{ObjectKey, Store, StoreError};
use crate::telemetry::{Metrics, Stage, Times};

/// The memory budget is counted in these: a semaphore's permits are 32 bits.
const UNIT_BYTES: u64 = 64 << 10;

/// Draws plans.
#[derive(Clone)]
pub struct Renderer {
    compositor: Arc<Compositor>,
    store: Store,
    memory: Arc<Semaphore>,
    memory_units: u32,
    /// No render counts for less, so that never more run at once than there are processors.
    least_units: u32,
    queue: Arc<Semaphore>,
    queue_timeout: Duration,
    metrics: Arc<Metrics>,
}

/// Why there is no picture.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RenderFailure {
    /// The queue is full, or waiting took too long.
    #[error("too many renders are waiting")]
    Busy,
    /// The recipe, an asset or a limit.
    #[error(transparent)]
    Render(Arc<RenderError>),
    /// An ingredient that the catalogue names is not in the store.
    #[error("the stored image {0} is missing")]
    Lost(Digest),
    /// A stored ingredient is not what its digest says.
    #[error("the stored image {0} is damaged")]
    Damaged(Digest),
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The drawing code panicked.
    #[error("drawing failed")]
    Panicked,
    /// Another instance failed, and told how.
    #[error("{}", .0.detail)]
    Told(Arc<Told>),
}

impl RenderFailure {
    /// Would it fail again at once? Load and a store out of reach pass; what others told is remembered by them.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Render(_) | Self::Lost(_) | Self::Damaged(_) | Self::Panicked => true,
            Self::Busy | Self::Store(_) | Self::Told(_) => false,
        }
    }
}

impl From<StoreError> for RenderFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl Renderer {
    /// A renderer within these limits.
    pub fn new(limits: &LimitConfig, cache: &CacheConfig, store: Store, metrics: Arc<Metrics>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let memory_units = units(limits.render_bytes);
        let cache_bytes = usize::try_from(cache.decoded_bytes).unwrap_or(usize::MAX);
        Self {
            compositor: Arc::new(Compositor::new(limits.picture, cache_bytes).with_helpers(helpers())),
            store,
            memory: Arc::new(Semaphore::new(memory_units as usize)),
            memory_units,
            least_units: (u64::from(memory_units) / processors).max(1) as u32,
            queue: Arc::new(Semaphore::new(limits.queue)),
            queue_timeout: limits.queue_timeout,
            metrics,
        }
    }

    /// Admission, ingredients, pixels, encoding.
    pub async fn render(&self, plan: &Arc<Plan>, times: &mut Times) -> Result<Composite, RenderFailure> {
        self.work(plan, times, Compositor::compose).await
    }

    /// Is it within the limits of one picture?
    pub fn check(&self, plan: &Plan) -> Result<(), RenderFailure> {
        plan.check(self.compositor.limits()).map_err(|error| RenderFailure::Render(Arc::new(error)))
    }

    /// Draws a plan for its placeholder alone.
    pub async fn placeholder(&self, plan: &Arc<Plan>) -> Result<Placeholder, RenderFailure> {
        let draw = |compositor: &Compositor, plan: &Plan, ingredients: &Ingredients| {
            compositor.draw(plan, ingredients).map(|pixmap| placeholder(&pixmap))
        };
        let mut times = Times::default();
        let placeholder = self.work(plan, &mut times, draw).await;
        self.metrics.observe_journey(&times);
        placeholder
    }

    /// Runs work that needs about `bytes` of memory as if it were a render: an upload's decoding.
    pub async fn run<T: Send + 'static>(
        &self,
        bytes: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RenderFailure> {
        let permit = self.admit(bytes).await?;
        Ok(on_blocking_thread(permit, work).await?.done)
    }

    /// Renders running and waiting, and bytes of the budget in use.
    pub fn load(&self) -> Load {
        let used = self.memory_units as usize - self.memory.available_permits();
        Load { memory_bytes: used as u64 * UNIT_BYTES }
    }

    /// From what is decoded already, if that is enough: then nobody asks the store.
    async fn work<T: Send + 'static>(
        &self,
        plan: &Arc<Plan>,
        times: &mut Times,
        draw: impl Fn(&Compositor, &Plan, &Ingredients) -> Result<T, RenderError> + Copy + Send + 'static,
    ) -> Result<T, RenderFailure> {
        // What can never run does not wait.
        self.check(plan)?;
        let mut permit = times.of(Stage::Queue, self.admit(plan.working_bytes())).await?;
        let (mut ingredients, mut fetched) = (Arc::new(Ingredients::new()), false);
        loop {
            let (compositor, plan_of_work) = (Arc::clone(&self.compositor), Arc::clone(plan));
            let given = Arc::clone(&ingredients);
            let work = move || draw(&compositor, &plan_of_work, &given);
            let drawn = times.of(Stage::Draw, on_blocking_thread(permit, work)).await?;
            match drawn.done {
                Ok(done) => return Ok(done),
                Err(RenderError::Missing { .. }) if !fetched => {
                    fetched = true;
                    ingredients = Arc::new(times.of(Stage::Fetch, self.fetch(plan)).await?);
                    permit = drawn.permit;
                }
                Err(error) => return Err(RenderFailure::Render(Arc::new(error))),
            }
        }
    }

    /// A place in the queue at once or not at all; then memory, within the time a caller would wait.
    async fn admit(&self, bytes: u64) -> Result<OwnedSemaphorePermit, RenderFailure> {
        let wanted = units(bytes).clamp(self.least_units, self.memory_units);
        if let Ok(permit) = Arc::clone(&self.memory).try_acquire_many_owned(wanted) {
            return Ok(permit);
        }
        let _place: SemaphorePermit<'_> = self.queue.try_acquire().map_err(|_| RenderFailure::Busy)?;
        let _waiting = self.metrics.waiting.enter();
        match timeout(self.queue_timeout, Arc::clone(&self.memory).acquire_many_owned(wanted)).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(RenderFailure::Busy),
        }
    }

    /// The stored bytes of all that a plan is drawn from, each checked against its digest.
    async fn fetch(&self, plan: &Plan) -> Result<Ingredients, RenderFailure> {
        let missing = self.compositor.missing(plan, &Ingredients::new());
        let fetched = try_join_all(missing.into_iter().map(|digest| self.ingredient(digest))).await?;
        Ok(fetched.into_iter().collect())
    }

    async fn ingredient(&self, digest: Digest) -> Result<(Digest, Arc<[u8]>), RenderFailure> {
        let bytes = self.store.get(&ObjectKey::Image(digest)).await?.ok_or(RenderFailure::Lost(digest))?;
        if Digest::of(&bytes) != digest {
            return Err(RenderFailure::Damaged(digest));
        }
        Ok((digest, Arc::from(bytes.as_ref())))
    }
}

/// Cores beside the one that a render has anyway.
pub fn helpers() -> usize {
    std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1)
}

/// What the renderer is busy with.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub memory_bytes: u64,
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 3)
}

/// What came of work, and the permit to go on with it.
struct Worked<T> {
    done: T,
    permit: OwnedSemaphorePermit,
}

/// The permit goes with the work: a caller who stops waiting frees no memory that is still in use.
async fn on_blocking_thread<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Worked<T>, RenderFailure> {
    // The compositor's caches tolerate a render that stops half-way.
    let guarded = move || (catch_unwind(AssertUnwindSafe(work)), permit);
    match tokio::task::spawn_blocking(guarded).await {
        Ok((Ok(done), permit)) => Ok(Worked { done, permit }),
        Ok((Err(_), _)) | Err(_) => Err(RenderFailure::Panicked),
    }
}
