//! Many pictures on several threads: each takes the next one, with scratch of its own, and writes into its place.

use crate::chance::Address;
use crate::crew;
use crate::error::{Error, Kind, Result};
use crate::exec::{self, Input, Out, Record, Sample, Shape, Worker};
use crate::program::Program;
use crate::rows;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};
use std::thread::ThreadId;

/// The whole output array, one slot after another.
pub enum Slots<'a> {
    Bytes(&'a mut [u8]),
    Floats(&'a mut [f32]),
    Halves(&'a mut [u16]),
}

impl Slots<'_> {
    fn bytes(&self) -> usize {
        match self {
            Slots::Bytes(s) => size_of_val(*s),
            Slots::Floats(s) => size_of_val(*s),
            Slots::Halves(s) => size_of_val(*s),
        }
    }
}

/// Workers that rest between batches; their buffers serve again. Boxes: a worker is 40 KB long.
#[allow(clippy::vec_box)]
static RESTING: Mutex<Vec<(ThreadId, Box<Worker>)>> = Mutex::new(Vec::new());
/// Workers that are kept: more threads than this build their buffers anew.
const KEPT: usize = 64;
/// How often a thread gives way to others before it does without.
const TRIES: usize = 1000;
/// Bytes of a batch from which on it would only push other things out of the caches: Python's among them, and planes.
const LARGE: usize = 1 << 22;
/// Samples that are drawn before the longest of them is run.
const AHEAD: usize = 64;

/// The workers that rest. Whoever holds the list does so for an instant; in a child that was forked in that instant
/// nobody will ever let it go, and then there is none.
#[allow(clippy::vec_box)]
fn resting() -> Option<MutexGuard<'static, Vec<(ThreadId, Box<Worker>)>>> {
    (0..TRIES).find_map(|k| {
        if k > 0 {
            std::thread::yield_now();
        }
        RESTING.try_lock().ok()
    })
}

/// Runs `work` with the worker that this thread had last, whose buffers lie in the caches of its core, or with another.
pub fn with_worker<T>(work: impl FnOnce(&mut Worker) -> T) -> T {
    let me = std::thread::current().id();
    let rested = resting().and_then(|mut list| {
        let mine = list.iter().rposition(|(thread, _)| *thread == me);
        mine.map(|k| list.swap_remove(k)).or_else(|| list.pop())
    });
    let mut worker = rested.map(|(_, worker)| worker).unwrap_or_default();
    let out = work(&mut worker);
    if let Some(mut list) = resting()
        && list.len() < KEPT
    {
        list.push((me, worker));
    }
    out
}

/// A place in the batch, and what belongs there.
struct Job<'a> {
    place: usize,
    out: Out<'a>,
}

/// What is to be done next, for every thread to take from.
struct Queue<'a> {
    /// Not looked into yet; the largest last, which is taken first.
    waiting: Vec<Job<'a>>,
    /// Drawn and laid out; what takes longest last.
    ready: Vec<(f64, Job<'a>, Sample<'a>)>,
    /// How many are drawn before the first of them is run.
    ahead: usize,
}

enum Task<'a> {
    Prepare(Job<'a>),
    Run(Job<'a>, Sample<'a>),
}

impl<'a> Queue<'a> {
    fn next(&mut self) -> Option<Task<'a>> {
        if self.ready.len() < self.ahead
            && let Some(job) = self.waiting.pop()
        {
            return Some(Task::Prepare(job));
        }
        self.ready.pop().map(|(_, job, sample)| Task::Run(job, sample))
    }

    fn add(&mut self, job: Job<'a>, sample: Sample<'a>) {
        let effort = sample.effort();
        let k = self.ready.partition_point(|(other, ..)| *other < effort);
        self.ready.insert(k, (effort, job, sample));
    }
}

/// A defect of ours becomes an error of this sample, not the end of the process.
fn caught<T>(work: impl FnOnce() -> Result<T>, failed: impl FnOnce()) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        failed();
        Err(Error::new(Kind::Invalid, "the core failed on this sample; please report it"))
    })
}

fn prepared<'a>(program: &Program, input: Input<'a>, address: &Address, axes: [usize; 3]) -> Result<Sample<'a>> {
    let sample = exec::prepare(program, input, address)?;
    if sample.shape()?.axes() != axes {
        return Err(Error::new(Kind::Invalid, "program: the output array has places of another shape."));
    }
    Ok(sample)
}

/// Runs a sample into its place; `streams` around the caches.
fn finished(
    program: &Program,
    worker: &mut Worker,
    mut sample: Sample<'_>,
    out: Out<'_>,
    streams: bool,
) -> Result<Record> {
    worker.stream(streams);
    let mut broken = false;
    let result = caught(|| sample.run(worker, program, out), || broken = true);
    if broken {
        *worker = Worker::default();
    }
    if streams {
        rows::arrive();
    }
    result.map(|()| sample.record)
}

/// Reads the head of one source, draws, and lays out.
pub fn begun<'a>(program: &Program, input: Input<'a>, address: &Address) -> Result<(Sample<'a>, Shape)> {
    caught(
        || {
            let sample = exec::prepare(program, input, address)?;
            let shape = sample.shape()?;
            Ok((sample, shape))
        },
        || (),
    )
}

/// Runs one sample that has begun into an array of its shape, on this thread.
pub fn one(program: &Program, sample: Sample<'_>, slot: Slots<'_>) -> Result<Record> {
    let streams = slot.bytes() > LARGE;
    let out = match slot {
        Slots::Bytes(s) => Out::Bytes(s),
        Slots::Floats(s) => Out::Floats(s),
        Slots::Halves(s) => Out::Halves(s),
    };
    with_worker(|worker| finished(program, worker, sample, out, streams))
}

/// Runs all samples into places of `axes`; the results are in the order of the inputs.
///
/// Where several threads work, what takes longest is begun first, so that at the end none waits long for another; what
/// a sample takes is known when it is drawn.
pub fn run(
    program: &Program,
    inputs: &[Input<'_>],
    addresses: &[Address],
    slots: Slots<'_>,
    axes: [usize; 3],
    threads: usize,
) -> Vec<Result<Record>> {
    let count = inputs.len();
    let threads = threads.clamp(1, count.max(1));
    let streams = slots.bytes() > LARGE;
    let mut waiting = jobs(slots, count);
    waiting.sort_by_key(|job| match &inputs[job.place] {
        Input::Jpeg(data) => data.len(),
        Input::Bytes(v) => v.width * v.height,
        Input::Floats(v) => v.width * v.height,
    });
    let ahead = if threads > 1 { AHEAD } else { 1 };
    let queue = Mutex::new(Queue { waiting, ready: Vec::new(), ahead });
    let done: Mutex<Vec<Option<Result<Record>>>> = Mutex::new((0..count).map(|_| None).collect());
    let note = |place: usize, result| {
        if let Ok(mut done) = done.lock() {
            done[place] = Some(result);
        }
    };
    let work = || {
        with_worker(|worker| {
            let next = || queue.lock().ok().and_then(|mut q| q.next());
            while let Some(task) = next() {
                match task {
                    Task::Prepare(job) => {
                        let k = job.place;
                        match caught(|| prepared(program, inputs[k], &addresses[k], axes), || ()) {
                            Ok(sample) => queue.lock().map_or((), |mut q| q.add(job, sample)),
                            Err(error) => note(k, Err(error)),
                        }
                    }
                    Task::Run(job, sample) => note(job.place, finished(program, worker, sample, job.out, streams)),
                }
            }
        });
    };
    crew::together(threads, &work);
    let lost = || Err(Error::new(Kind::Invalid, "program: the output array has no place for this sample."));
    done.into_inner().map_or_else(
        |_| (0..count).map(|_| lost()).collect(),
        |list| list.into_iter().map(|r| r.unwrap_or_else(lost)).collect(),
    )
}

/// The places of the output array, the first one last: of samples alike, the first is taken first.
fn jobs(slots: Slots<'_>, count: usize) -> Vec<Job<'_>> {
    fn places<'a, T>(all: &'a mut [T], count: usize, out: impl Fn(&'a mut [T]) -> Out<'a>) -> Vec<Job<'a>> {
        let one = (all.len() / count.max(1)).max(1);
        let jobs = all.chunks_mut(one).take(count).enumerate().map(|(place, part)| Job { place, out: out(part) });
        let mut jobs: Vec<Job<'_>> = jobs.collect();
        jobs.reverse();
        jobs
    }
    match slots {
        Slots::Bytes(s) => places(s, count, Out::Bytes),
        Slots::Floats(s) => places(s, count, Out::Floats),
        Slots::Halves(s) => places(s, count, Out::Halves),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_nobody_lets_go_keeps_no_one_waiting() {
        let held = RESTING.lock();
        let done = std::thread::spawn(|| with_worker(|_| 5)).join();
        drop(held);
        assert_eq!(done.ok(), Some(5));
    }
}
