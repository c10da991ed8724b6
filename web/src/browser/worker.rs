//! The page's end of the worker: starts it when there is first something to do, sends tasks, and waits for what comes
//! back. What a task does is in `crate::worker`.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use compositor::Digest;
use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::worker::{Done, Task};

/// What everybody is told who waits for a worker that broke.
const BROKEN: &str =
    "the part of the studio that works on large pictures stopped; try again, or with a smaller picture";

/// A running worker, who waits for it, and what it has.
struct Running {
    worker: Worker,
    waiting: HashMap<u32, Function>,
    kept: HashSet<Digest>,
    asked: u32,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// The facts and the bytes of a task that is done.
pub type Outcome = Result<(Done, Uint8Array), String>;

/// Have a task done. The worker takes the bytes over; the promise may be awaited more than once, with [`outcome`].
pub fn ask(script: &str, task: &Task, bytes: Option<Uint8Array>) -> Result<Promise, String> {
    let words = serde_json::to_string(task).map_err(|error| error.to_string())?;
    with_running(script, |running| {
        running.asked += 1;
        let number = running.asked;
        let bytes = bytes.unwrap_or_else(|| Uint8Array::new_with_length(0));
        let message = Array::of3(&number.into(), &words.into(), &bytes);
        let promise = Promise::new(&mut |resolve, _| {
            running.waiting.insert(number, resolve);
        });
        running.worker.post_message_with_transfer(&message, &Array::of1(&bytes.buffer()))?;
        Ok(promise)
    })
    .map_err(|error| format!("{BROKEN} ({error:?})"))
}

/// Give the worker an asset's bytes, unless it has them.
pub fn keep(script: &str, digest: Digest, bytes: &[u8]) -> Result<(), String> {
    let has =
        RUNNING.with_borrow(|running| running.as_ref().is_some_and(|running| running.kept.contains(&digest)));
    if has {
        return Ok(());
    }
    drop(ask(script, &Task::Keep(digest), Some(Uint8Array::from(bytes)))?);
    note_kept(digest);
    Ok(())
}

/// Remember that the worker has this asset.
pub fn note_kept(digest: Digest) {
    RUNNING.with_borrow_mut(|running| {
        if let Some(running) = running {
            running.kept.insert(digest);
        }
    });
}

/// Wait for what came of a task.
pub async fn outcome(promise: Promise) -> Outcome {
    let answer = JsFuture::from(promise).await.map_err(|error| format!("{error:?}"))?;
    let answer: Array = answer.dyn_into().map_err(|_| BROKEN.to_owned())?;
    let (facts, made) = (answer.get(1).as_string(), answer.get(2));
    let Some(facts) = facts else { return Err(made.as_string().unwrap_or_else(|| BROKEN.to_owned())) };
    let done = serde_json::from_str(&facts).map_err(|error| error.to_string())?;
    Ok((done, made.dyn_into().map_err(|_| BROKEN.to_owned())?))
}

fn with_running<T>(script: &str, act: impl FnOnce(&mut Running) -> Result<T, JsValue>) -> Result<T, JsValue> {
    RUNNING.with_borrow_mut(|running| match running {
        Some(running) => act(running),
        None => act(running.insert(start(script)?)),
    })
}

fn start(script: &str) -> Result<Running, JsValue> {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options(script, &options)?;
    let heard = Closure::<dyn FnMut(MessageEvent)>::new(|message: MessageEvent| hear(&message.data()));
    worker.set_onmessage(Some(heard.into_js_value().unchecked_ref()));
    let failed = Closure::<dyn FnMut(Event)>::new(|_| stop());
    worker.set_onerror(Some(failed.into_js_value().unchecked_ref()));
    Ok(Running { worker, waiting: HashMap::new(), kept: HashSet::new(), asked: 0 })
}

fn hear(message: &JsValue) {
    let Some(answer) = message.dyn_ref::<Array>() else { return };
    let number = answer.get(0).as_f64().unwrap_or_default() as u32;
    let waiting = RUNNING.with_borrow_mut(|running| running.as_mut()?.waiting.remove(&number));
    if answer.get(3).is_truthy() {
        stop();
    }
    if let Some(resolve) = waiting {
        tell(&resolve, answer);
    }
}

/// End a worker that broke. The next task starts another.
fn stop() {
    let Some(running) = RUNNING.with_borrow_mut(Option::take) else { return };
    running.worker.terminate();
    let broken = Array::of3(&JsValue::UNDEFINED, &JsValue::UNDEFINED, &BROKEN.into());
    running.waiting.values().for_each(|resolve| tell(resolve, &broken));
}

fn tell(resolve: &Function, answer: &Array) {
    let _ = resolve.call1(&JsValue::UNDEFINED, answer); // resolving a promise does not throw
}
