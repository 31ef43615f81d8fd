//! `resize`.

use super::arrays::{Picture, give, view};
use crate::error::{Error, Kind};
use crate::resample::{self, Kernel, Resize, Sample};
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

#[pyfunction]
fn resize<'py>(
    py: Python<'py>,
    image: Picture<'py>,
    width: usize,
    height: usize,
    kernel: &str,
    window: [f64; 4],
    flip: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(kernel) = Kernel::parse(kernel) else {
        return Err(Error::new(
            Kind::Invalid,
            format!("resize: kernel must be one of the known ones; got '{kernel}'."),
        )
        .into());
    };
    let request = Resize {
        width,
        height,
        kernel,
        window,
        flip,
    };
    match image {
        Picture::Bytes(a) => run(py, &a, &request),
        Picture::Words(a) => run(py, &a, &request),
        Picture::Floats(a) => run(py, &a, &request),
    }
}

fn run<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    array: &PyReadonlyArrayDyn<'py, T>,
    request: &Resize,
) -> PyResult<Bound<'py, PyAny>> {
    let view = view(array)?;
    let out = py.detach(|| {
        let mut out = vec![T::default(); request.width * request.height * view.channels];
        resample::resize(&view, request, &mut out).map(|()| out)
    })?;
    give(py, out, array.shape(), request.height, request.width)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(resize, m)?)
}
