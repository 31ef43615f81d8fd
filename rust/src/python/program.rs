//! `Program`: a pipeline that the core runs by itself, on one sample or on many.

use super::arrays::{Picture, Target, slice, view};
use super::outline::{Boxes, carried};
use crate::batch::{self, Slots};
use crate::chance::{self, Address};
use crate::error::{Error, Kind};
use crate::exec::{self, Input, OutKind, Record};
use crate::geometry::Stage;
use crate::jpeg::header;
use crate::outline::Canvas;
use crate::program::{Drawn, Program as Core};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString};

/// One source as Python hands it over.
enum Given<'py> {
    File(Bound<'py, PyBytes>),
    Pixels(Picture<'py>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Given<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match given.cast::<PyBytes>() {
            Ok(file) => Ok(Given::File(file.to_owned())),
            Err(_) => given.extract().map(Given::Pixels),
        }
    }
}

impl Given<'_> {
    fn input(&self) -> PyResult<Input<'_>> {
        Ok(match self {
            Given::File(data) => Input::Jpeg(data.as_bytes()),
            Given::Pixels(Picture::Bytes(a)) => Input::Bytes(view(a)?),
            Given::Pixels(Picture::Floats(a)) => Input::Floats(view(a)?),
            Given::Pixels(Picture::Words(_)) => {
                return Err(Error::new(Kind::Invalid, "program: a picture must be of uint8 or float32").into());
            }
        })
    }
}

type AddressIn = (u64, u64, u64);

fn address((draw, epoch, sample): AddressIn) -> Address {
    Address { draw, epoch, sample }
}

/// (height, width, channels, channels first, kind)
type ShapeOut = (usize, usize, usize, bool, &'static str);

fn shape(shape: exec::Shape) -> ShapeOut {
    let kind = match shape.kind {
        OutKind::Bytes => "uint8",
        OutKind::Floats => "float32",
        OutKind::Halves => "float16",
    };
    (shape.height, shape.width, shape.channels, shape.planar, kind)
}

/// (matrix source -> target, target width, target height, border, fill, whether it resizes by a kernel)
type StageOut<'py> = (Bound<'py, PyArray2<f64>>, usize, usize, String, Vec<f64>, bool);
/// (source size, stages, whether the file was decoded whole)
type RecordOut<'py> = ((usize, usize), Vec<StageOut<'py>>, bool);

fn record<'py>(py: Python<'py>, r: &Record) -> PyResult<RecordOut<'py>> {
    let stages = r.stages.iter().map(|s| {
        let border = format!("{:?}", s.border).to_lowercase();
        let matrix = PyArray1::from_slice(py, &s.matrix).reshape([3, 3])?;
        Ok((matrix, s.target.0, s.target.1, border, s.fill.clone(), s.kernel.is_some()))
    });
    Ok((r.source, stages.collect::<PyResult<_>>()?, r.whole))
}

/// What geometry did to the sources of one run; made into Python's values when somebody looks.
#[pyclass(frozen, sequence, module = "opsin.kernels._native")]
pub struct Records {
    records: Vec<Option<Record>>,
}

#[pymethods]
impl Records {
    fn __len__(&self) -> usize {
        self.records.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, k: usize) -> PyResult<Option<RecordOut<'py>>> {
        let found = self.records.get(k).ok_or_else(|| PyIndexError::new_err("records: there is no such source"))?;
        found.as_ref().map(|r| record(py, r)).transpose()
    }

    /// Carries boxes of one source as geometry carried its pixels: the last canvas, and what `carry_boxes` gives.
    fn carry_boxes<'py>(
        &self,
        py: Python<'py>,
        k: usize,
        boxes: PyReadonlyArray2<'py, f64>,
        before: PyReadonlyArray1<'py, f64>,
        least: (f64, f64, f64),
    ) -> PyResult<((usize, usize), Boxes<'py>)> {
        let Some(Some(record)) = self.records.get(k) else {
            return Err(PyIndexError::new_err("records: there is no such source"));
        };
        let canvas = |s: &Stage| Canvas { matrix: s.matrix, width: s.target.0 as f64, height: s.target.1 as f64 };
        let canvases: Vec<Canvas> = record.stages.iter().map(canvas).collect();
        let size = record.stages.last().map_or(record.source, |s| s.target);
        Ok((size, carried(py, &boxes, &before, least, &canvases)?))
    }
}

#[pyclass(frozen, module = "opsin.kernels._native")]
pub struct Program {
    core: Core,
}

#[pymethods]
impl Program {
    #[new]
    fn new(text: &str) -> PyResult<Program> {
        Ok(Program { core: Core::parse(text)? })
    }

    /// (height, width, channels, channels first, kind) of what comes out of a source.
    fn shape(&self, source: Given<'_>, at: AddressIn) -> PyResult<ShapeOut> {
        Ok(shape(exec::prepare(&self.core, source.input()?, &address(at))?.shape()?))
    }

    /// Looks at the heads of files: those that are not for the core as they stand, of another format or with a color
    /// profile, and the shape of what comes out of the first that the core takes.
    fn look(&self, files: &Bound<'_, PyList>, at: Vec<AddressIn>) -> PyResult<(Vec<usize>, Option<ShapeOut>)> {
        let (mut odd, mut first) = (Vec::new(), None);
        for (k, (file, at)) in files.iter().zip(at).enumerate() {
            let data = file.cast::<PyBytes>()?.as_bytes();
            if !data.starts_with(b"\xFF\xD8\xFF") || header::has_profile(data) {
                odd.push(k);
            } else if first.is_none() {
                let prepared = exec::prepare(&self.core, Input::Jpeg(data), &address(at));
                first = prepared.and_then(|sample| sample.shape()).ok().map(shape);
            }
        }
        Ok((odd, first))
    }

    /// Runs all sources into `out`, in which each has a place of `axes`; gives (position, kind, message) of every failure,
    /// and a record of every success.
    #[allow(clippy::type_complexity)]
    fn run(
        &self,
        py: Python<'_>,
        sources: &Bound<'_, PyList>,
        addresses: Vec<AddressIn>,
        out: Target<'_>,
        axes: [usize; 3],
        threads: usize,
    ) -> PyResult<(Vec<(usize, &'static str, String)>, Records)> {
        let given: Vec<Given<'_>> = sources.iter().map(|s| s.extract()).collect::<PyResult<_>>()?;
        let inputs: Vec<Input<'_>> = given.iter().map(Given::input).collect::<PyResult<_>>()?;
        if addresses.len() != inputs.len() || inputs.is_empty() {
            return Err(Error::new(Kind::Invalid, "run: there must be one address per source, and at least one").into());
        }
        let addresses: Vec<Address> = addresses.into_iter().map(address).collect();
        let results = match out {
            Target::Bytes(mut o) => {
                let slots = Slots::Bytes(slice(&mut o)?);
                py.detach(|| batch::run(&self.core, &inputs, &addresses, slots, axes, threads))
            }
            Target::Words(mut o) => {
                let slots = Slots::Halves(slice(&mut o)?);
                py.detach(|| batch::run(&self.core, &inputs, &addresses, slots, axes, threads))
            }
            Target::Floats(mut o) => {
                let slots = Slots::Floats(slice(&mut o)?);
                py.detach(|| batch::run(&self.core, &inputs, &addresses, slots, axes, threads))
            }
        };
        let (mut errors, mut records) = (Vec::new(), Vec::with_capacity(inputs.len()));
        for (k, result) in results.into_iter().enumerate() {
            match result {
                Ok(r) => records.push(Some(r)),
                Err(e) => {
                    errors.push((k, e.kind.name(), e.message));
                    records.push(None);
                }
            }
        }
        Ok((errors, Records { records }))
    }

    /// Runs one source on this thread into an array that `make` gives when it is told what comes out; gives what `make`
    /// gave, and the record.
    fn run_one<'py>(
        &self,
        py: Python<'py>,
        source: Given<'py>,
        at: AddressIn,
        make: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Records)> {
        let (sample, found) = batch::begun(&self.core, source.input()?, &address(at))?;
        let (image, target): (Bound<'py, PyAny>, Target<'py>) = make.call1((shape(found),))?.extract()?;
        let places: usize = found.axes().iter().product();
        let run = |slot: Slots<'_>, length: usize| {
            if length != places {
                return Err(Error::new(Kind::Invalid, "program: the output array has another shape."));
            }
            py.detach(|| batch::one(&self.core, sample, slot))
        };
        let record = match target {
            Target::Bytes(mut o) => slice(&mut o).map(|s| (s.len(), Slots::Bytes(s))).map(|(n, s)| run(s, n)),
            Target::Words(mut o) => slice(&mut o).map(|s| (s.len(), Slots::Halves(s))).map(|(n, s)| run(s, n)),
            Target::Floats(mut o) => slice(&mut o).map(|s| (s.len(), Slots::Floats(s))).map(|(n, s)| run(s, n)),
        }??;
        Ok((image, Records { records: vec![Some(record)] }))
    }

    /// What is drawn at an address, as text, step by step.
    fn draw(&self, at: AddressIn) -> Vec<String> {
        let plain = self.core.draw(&address(at)).into_iter().map(|d| match d {
            Drawn::Move(step, _) => format!("{step:?}"),
            Drawn::Tint(tint) => format!("{tint:?}"),
        });
        plain.collect()
    }
}

/// The words of keys; `other` gives those of keys that are neither text nor a number of 64 bits.
#[pyfunction]
fn key_words(keys: &Bound<'_, PyList>, other: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    let word = |key: Bound<'_, PyAny>| {
        if let Ok(text) = key.cast_exact::<PyString>()
            && let Ok(text) = text.to_str()
        {
            return Ok(chance::key_word(b's', text));
        }
        match key.cast_exact::<PyInt>().ok().and_then(|number| number.extract::<i64>().ok()) {
            Some(number) => Ok(chance::key_word(b'i', &number.to_string())),
            None => other.call1((key,))?.extract(),
        }
    };
    keys.iter().map(word).collect()
}

/// Raw words at an address: for the test that they are NumPy's.
#[pyfunction]
fn philox_words(key: [u64; 2], at: AddressIn) -> [u64; 11] {
    chance::words(&address(at), key)
}

/// log, exp and the normal quantile: for the test that they are Python's to the bit.
#[pyfunction]
fn elementary(x: f64) -> (f64, f64, f64) {
    (chance::log(x), chance::exp(x), chance::normal_quantile(x.fract().abs().max(1e-300)))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Program>()?;
    m.add_class::<Records>()?;
    m.add_function(wrap_pyfunction!(key_words, m)?)?;
    m.add_function(wrap_pyfunction!(philox_words, m)?)?;
    m.add_function(wrap_pyfunction!(elementary, m)?)
}
