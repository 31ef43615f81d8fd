//! `sums`, `span`, `normalized` and `planes`.

use super::arrays::slice;
use crate::error::{Error, Kind};
use crate::values;
use numpy::{PyReadonlyArrayDyn, PyReadwriteArrayDyn};
use pyo3::prelude::*;

fn whole<'a, T: numpy::Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| Error::new(Kind::Invalid, "the picture must be C-contiguous").into())
}

/// The sum of every channel.
#[pyfunction]
fn sums(py: Python<'_>, image: PyReadonlyArrayDyn<'_, u8>, channels: usize) -> PyResult<Vec<u64>> {
    let from = whole(&image)?;
    Ok(py.detach(|| values::sums(from, channels))?)
}

/// Least and greatest value; both are NaN where one is.
#[pyfunction]
fn span(py: Python<'_>, image: PyReadonlyArrayDyn<'_, f32>) -> PyResult<(f32, f32)> {
    let from = whole(&image)?;
    Ok(py.detach(|| values::span(from)))
}

/// Fractions of white, less a mean and times a gain for each channel.
#[pyfunction]
fn normalized<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    middle: Vec<f32>,
    gain: Vec<f32>,
    mut out: PyReadwriteArrayDyn<'py, f32>,
) -> PyResult<()> {
    let (from, to) = (whole(&image)?, slice(&mut out)?);
    Ok(py.detach(|| values::normalized(from, &middle, &gain, to))?)
}

/// H W C to C H W.
#[pyfunction]
fn planes<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, f32>,
    channels: usize,
    mut out: PyReadwriteArrayDyn<'py, f32>,
) -> PyResult<()> {
    let (from, to) = (whole(&image)?, slice(&mut out)?);
    Ok(py.detach(|| values::planes(from, channels, to))?)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(sums, m)?)?;
    m.add_function(wrap_pyfunction!(span, m)?)?;
    m.add_function(wrap_pyfunction!(normalized, m)?)?;
    m.add_function(wrap_pyfunction!(planes, m)?)
}
