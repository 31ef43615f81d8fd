//! Threads that work together on a batch and rest between batches: to start one takes as long as a small picture.

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::yield_now;
use std::time::{Duration, Instant};

/// Threads beside the one that asks, and the process they belong to: a forked child has none of its parent's.
struct Crew {
    pool: ThreadPool,
    process: u32,
    /// How many batches there were: another number wakes all of them, whoever looks first.
    batch: Arc<AtomicUsize>,
}

static RESTING: Mutex<Vec<Crew>> = Mutex::new(Vec::new());
/// Crews that are kept; more batches at once than this start their threads anew.
const KEPT: usize = 8;
/// How long a thread that is done stays awake, giving way to others: batches follow each other closely, and a core that
/// slept takes up to 0.1 ms to wake, with cold caches.
const PATIENCE: Duration = Duration::from_micros(300);

/// Runs `work` on so many threads at once, one of them the caller's, and returns when all of them are done.
///
/// Where the system gives no more threads, fewer do the work.
pub fn together(threads: usize, work: &(impl Fn() + Sync)) {
    let Some(crew) = (threads > 1).then(|| called(threads - 1)).flatten() else { return work() };
    let now = crew.batch.fetch_add(1, Ordering::AcqRel) + 1;
    let busy = AtomicUsize::new(threads - 1);
    crew.pool.in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| {
                work();
                let batch = crew.batch.clone();
                rayon_core::spawn(move || stay(|| batch.load(Ordering::Acquire) != now));
                busy.fetch_sub(1, Ordering::Release);
            });
        }
        work();
        stay(|| busy.load(Ordering::Acquire) == 0);
    });
    // A list that somebody else looks at just now is not waited for, here and below: a child may have been forked then.
    if let Ok(mut list) = RESTING.try_lock() {
        if list.len() == KEPT {
            list.remove(0);
        }
        list.push(crew);
    }
}

/// Waits awake for something, for a while.
fn stay(until: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !until() && Instant::now() < end {
        yield_now();
    }
}

/// A crew of so many threads, rested or new.
fn called(threads: usize) -> Option<Crew> {
    let process = std::process::id();
    if let Ok(mut list) = RESTING.try_lock() {
        while let Some(k) = list.iter().position(|crew| crew.process != process) {
            // Its threads are the parent's: there is nobody to be told that it ends.
            std::mem::forget(list.swap_remove(k));
        }
        if let Some(k) = list.iter().rposition(|crew| crew.pool.current_num_threads() == threads) {
            return Some(list.swap_remove(k));
        }
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|k| format!("opsin-{k}")).build().ok()?;
    Some(Crew { pool, process, batch: Arc::default() })
}
