//! `resize`.

use super::arrays::{Picture, Target, slice, view};
use crate::error::{Error, Kind};
use crate::resample::{self, Kernel, Resize, Sample};
use numpy::{PyReadonlyArrayDyn, PyReadwriteArrayDyn};
use pyo3::prelude::*;

#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn resize<'py>(
    py: Python<'py>,
    image: Picture<'py>,
    width: usize,
    height: usize,
    kernel: &str,
    window: [f64; 4],
    flip: bool,
    out: Target<'py>,
) -> PyResult<()> {
    let invalid = |message: String| PyErr::from(Error::new(Kind::Invalid, message));
    let Some(kernel) = Kernel::parse(kernel) else {
        return Err(invalid(format!("resize: kernel must be one of the known ones; got '{kernel}'.")));
    };
    let request = Resize { width, height, kernel, window, flip };
    match (image, out) {
        (Picture::Bytes(a), Target::Bytes(o)) => run(py, &a, &request, o),
        (Picture::Words(a), Target::Words(o)) => run(py, &a, &request, o),
        (Picture::Floats(a), Target::Floats(o)) => run(py, &a, &request, o),
        _ => Err(invalid("resize: the output must be of the picture's kind".into())),
    }
}

fn run<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    array: &PyReadonlyArrayDyn<'py, T>,
    request: &Resize,
    mut out: PyReadwriteArrayDyn<'py, T>,
) -> PyResult<()> {
    let view = view(array)?;
    let out = slice(&mut out)?;
    Ok(py.detach(|| resample::resize(&view, request, out))?)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(resize, m)?)
}
