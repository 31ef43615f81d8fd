//! `smooth`, `box_mean` and `median`.

use super::arrays::{Picture, Target, slice, view};
use crate::error::{Error, Kind};
use crate::resample::Sample;
use crate::smooth;
use crate::warp::Border;
use numpy::{PyReadonlyArrayDyn, PyReadwriteArrayDyn};
use pyo3::prelude::*;

#[pyfunction(name = "smooth")]
fn run<'py>(
    py: Python<'py>,
    image: Picture<'py>,
    taps: Vec<f32>,
    border: &str,
    edge: f32,
    out: Target<'py>,
) -> PyResult<()> {
    let invalid = |message: String| PyErr::from(Error::new(Kind::Invalid, message));
    let Some(border) = Border::parse(border) else {
        return Err(invalid(format!("smooth: border must be one of the known ones; got '{border}'.")));
    };
    match (image, out) {
        (Picture::Bytes(a), Target::Bytes(o)) => one(py, &a, &taps, border, edge, o),
        (Picture::Words(a), Target::Words(o)) => one(py, &a, &taps, border, edge, o),
        (Picture::Floats(a), Target::Floats(o)) => one(py, &a, &taps, border, edge, o),
        _ => Err(invalid("smooth: the output must be of the picture's kind".into())),
    }
}

fn one<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    array: &PyReadonlyArrayDyn<'py, T>,
    taps: &[f32],
    border: Border,
    edge: f32,
    mut out: PyReadwriteArrayDyn<'py, T>,
) -> PyResult<()> {
    let view = view(array)?;
    let out = slice(&mut out)?;
    Ok(py.detach(|| smooth::smooth(&view, taps, border, edge, out))?)
}

/// Means of squares of bytes.
#[pyfunction]
fn box_mean<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    radius: usize,
    border: &str,
    mut out: PyReadwriteArrayDyn<'py, u8>,
) -> PyResult<()> {
    let Some(border) = Border::parse(border) else {
        let message = format!("box_mean: border must be one of the known ones; got '{border}'.");
        return Err(Error::new(Kind::Invalid, message).into());
    };
    let (view, out) = (view(&image)?, slice(&mut out)?);
    Ok(py.detach(|| smooth::box_mean(&view, radius, border, out))?)
}

/// Medians of five by five bytes; says whether it was done.
#[pyfunction]
fn median<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    mut out: PyReadwriteArrayDyn<'py, u8>,
) -> PyResult<bool> {
    let (view, out) = (view(&image)?, slice(&mut out)?);
    Ok(py.detach(|| smooth::median(&view, out))?)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(run, m)?)?;
    m.add_function(wrap_pyfunction!(box_mean, m)?)?;
    m.add_function(wrap_pyfunction!(median, m)?)
}
