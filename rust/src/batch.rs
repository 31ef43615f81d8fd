//! Many pictures on several threads: each takes the next one, with scratch of its own, and writes into its place.

use crate::chance::Address;
use crate::error::{Error, Kind, Result};
use crate::exec::{self, Input, Out, Record, Worker};
use crate::program::Program;
use crate::rows;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

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
static RESTING: Mutex<Vec<Box<Worker>>> = Mutex::new(Vec::new());
/// Workers that are kept: more threads than this build their buffers anew.
const KEPT: usize = 64;
/// Bytes of a batch from which on it would only push other things out of the caches.
const LARGE: usize = 1 << 24;

pub fn with_worker<T>(work: impl FnOnce(&mut Worker) -> T) -> T {
    let mut worker = RESTING.lock().ok().and_then(|mut list| list.pop()).unwrap_or_default();
    let out = work(&mut worker);
    if let Ok(mut list) = RESTING.lock()
        && list.len() < KEPT
    {
        list.push(worker);
    }
    out
}

/// Runs one sample; a defect of ours becomes an error of this sample, not the end of the process.
pub fn run_one(
    program: &Program,
    input: Input<'_>,
    address: &Address,
    out: Out<'_>,
    axes: [usize; 3],
    worker: &mut Worker,
) -> Result<Record> {
    let done = catch_unwind(AssertUnwindSafe(|| {
        let mut sample = exec::prepare(program, input, address)?;
        if sample.shape()?.axes() != axes {
            return Err(Error::new(Kind::Invalid, "program: the output array has places of another shape."));
        }
        sample.run(worker, program, out)?;
        Ok(sample.record)
    }));
    done.unwrap_or_else(|_| {
        *worker = Worker::default();
        Err(Error::new(Kind::Invalid, "the core failed on this sample; please report it"))
    })
}

type Job<'a> = (usize, Out<'a>);

/// Runs all samples into places of `axes`; the results are in the order of the inputs.
pub fn run(
    program: &Program,
    inputs: &[Input<'_>],
    addresses: &[Address],
    slots: Slots<'_>,
    axes: [usize; 3],
    threads: usize,
) -> Vec<Result<Record>> {
    let count = inputs.len();
    let streams = slots.bytes() > LARGE;
    let mut jobs: Vec<Job<'_>> = match slots {
        Slots::Bytes(s) => s.chunks_mut((s.len() / count.max(1)).max(1)).map(Out::Bytes).enumerate().collect(),
        Slots::Floats(s) => s.chunks_mut((s.len() / count.max(1)).max(1)).map(Out::Floats).enumerate().collect(),
        Slots::Halves(s) => s.chunks_mut((s.len() / count.max(1)).max(1)).map(Out::Halves).enumerate().collect(),
    };
    jobs.truncate(count);
    jobs.reverse();
    // The largest files first, so that at the end no thread waits long for another; pictures of one size in turn.
    jobs.sort_by_key(|(k, _)| match &inputs[*k] {
        Input::Jpeg(data) => data.len(),
        Input::Bytes(v) => v.width * v.height,
        Input::Floats(v) => v.width * v.height,
    });
    let queue = Mutex::new(jobs);
    let done: Mutex<Vec<Option<Result<Record>>>> = Mutex::new((0..count).map(|_| None).collect());
    let work = || {
        with_worker(|worker| {
            worker.stream(streams);
            while let Some((k, out)) = queue.lock().ok().and_then(|mut q| q.pop()) {
                let result = run_one(program, inputs[k], &addresses[k], out, axes, worker);
                if streams {
                    rows::arrive();
                }
                if let Ok(mut done) = done.lock() {
                    done[k] = Some(result);
                }
            }
        });
    };
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
    }
    let lost = || Err(Error::new(Kind::Invalid, "program: the output array has no place for this sample."));
    done.into_inner().map_or_else(
        |_| (0..count).map(|_| lost()).collect(),
        |list| list.into_iter().map(|r| r.unwrap_or_else(lost)).collect(),
    )
}
