//! `moved`, `framed`, `look_up`, `gray` and `saturate`: pictures as bytes.

use super::arrays::slice;
use crate::error::{Error, Kind};
use crate::moves;
use crate::rows;
use numpy::{PyReadonlyArrayDyn, PyReadwriteArrayDyn};
use pyo3::prelude::*;

fn bytes<'a>(array: &'a PyReadonlyArrayDyn<'_, u8>) -> PyResult<&'a [u8]> {
    array.as_slice().map_err(|_| Error::new(Kind::Invalid, "the picture must be C-contiguous").into())
}

/// Transposes (if `swap`), then mirrors, pixels of `size` bytes.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn moved<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    width: usize,
    height: usize,
    size: usize,
    swap: bool,
    flip: [bool; 2],
    mut out: PyReadwriteArrayDyn<'py, u8>,
) -> PyResult<()> {
    let (from, to) = (bytes(&image)?, slice(&mut out)?);
    Ok(py.detach(|| moves::moved(from, (width, height), size, swap, flip, to))?)
}

/// A picture of pixels of as many bytes as the fill has, on a canvas.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn framed<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    size: (usize, usize),
    corner: (i64, i64),
    canvas: (usize, usize),
    fill: Vec<u8>,
    mut out: PyReadwriteArrayDyn<'py, u8>,
) -> PyResult<()> {
    let (from, to) = (bytes(&image)?, slice(&mut out)?);
    Ok(py.detach(|| moves::framed(from, size, corner, canvas, &fill, to))?)
}

/// Every byte through a table.
#[pyfunction]
fn look_up<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    table: PyReadonlyArrayDyn<'py, u8>,
    mut out: PyReadwriteArrayDyn<'py, u8>,
) -> PyResult<()> {
    let (from, to) = (bytes(&image)?, slice(&mut out)?);
    let Ok(table) = <&[u8; 256]>::try_from(bytes(&table)?) else {
        return Err(Error::new(Kind::Invalid, "look_up: the table must have 256 entries.").into());
    };
    if from.len() != to.len() {
        return Err(Error::new(Kind::Invalid, "look_up: the output must be of the picture's size.").into());
    }
    py.detach(|| {
        // In parts that stay in the nearest cache.
        for (from, to) in from.chunks(1 << 14).zip(to.chunks_mut(1 << 14)) {
            to.copy_from_slice(from);
            rows::look_up(to, table);
        }
    });
    Ok(())
}

/// The brightness of every pixel of three channels.
#[pyfunction]
fn gray<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    mut out: PyReadwriteArrayDyn<'py, u8>,
) -> PyResult<()> {
    let (from, to) = (bytes(&image)?, slice(&mut out)?);
    if from.len() != 3 * to.len() {
        let text = "gray: the picture must have three channels, and the output one of its size.";
        return Err(Error::new(Kind::Invalid, text).into());
    }
    py.detach(|| rows::gray_of_pixels(from, to));
    Ok(())
}

/// Every pixel of three channels as much of itself as `factor` says, and the rest of its gray.
#[pyfunction]
fn saturate<'py>(
    py: Python<'py>,
    image: PyReadonlyArrayDyn<'py, u8>,
    factor: f64,
    mut out: PyReadwriteArrayDyn<'py, u8>,
) -> PyResult<()> {
    let (from, to) = (bytes(&image)?, slice(&mut out)?);
    if from.len() != to.len() || from.len() % 3 != 0 {
        let text = "saturate: the picture must have three channels, and the output its size.";
        return Err(Error::new(Kind::Invalid, text).into());
    }
    py.detach(|| rows::saturate(from, to, factor));
    Ok(())
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(moved, m)?)?;
    m.add_function(wrap_pyfunction!(framed, m)?)?;
    m.add_function(wrap_pyfunction!(look_up, m)?)?;
    m.add_function(wrap_pyfunction!(gray, m)?)?;
    m.add_function(wrap_pyfunction!(saturate, m)?)
}
