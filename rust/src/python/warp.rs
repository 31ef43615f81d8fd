//! `warp` and `warp_nearest`, by a matrix or by a field.

use super::arrays::{Picture, Target, slice, view};
use crate::error::{Error, Kind};
use crate::resample::Sample;
use crate::warp::{self, Border, Frame, Map, Matrix, Warp};
use numpy::{PyReadonlyArrayDyn, PyReadwriteArrayDyn};
use pyo3::prelude::*;

/// Output coordinates to the frame's, its width, its height.
type FrameIn = (Matrix, f64, f64);

#[derive(FromPyObject)]
enum MapIn<'py> {
    #[pyo3(transparent)]
    Matrix(Matrix),
    #[pyo3(transparent)]
    Field(PyReadonlyArrayDyn<'py, f32>),
}

fn bad(message: &str) -> PyErr {
    Error::new(Kind::Invalid, message).into()
}

struct Request<'py> {
    map: MapIn<'py>,
    width: usize,
    height: usize,
    border: Border,
    fill: Vec<f32>,
    frames: Vec<Frame>,
    supersample: bool,
}

impl Request<'_> {
    fn warp(&self) -> PyResult<Warp<'_>> {
        let map = match &self.map {
            MapIn::Matrix(m) => Map::Matrix(*m),
            MapIn::Field(f) => Map::Field(f.as_slice().map_err(|_| bad("warp: the field must be C-contiguous"))?),
        };
        Ok(Warp {
            map,
            width: self.width,
            height: self.height,
            border: self.border,
            fill: &self.fill,
            frames: &self.frames,
            beyond: &[],
            supersample: self.supersample,
        })
    }
}

fn frames(list: Vec<FrameIn>) -> Vec<Frame> {
    list.into_iter().map(|(back, width, height)| Frame { back, width, height, fill: 0 }).collect()
}

#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn warp_linear<'py>(
    py: Python<'py>,
    image: Picture<'py>,
    map: MapIn<'py>,
    width: usize,
    height: usize,
    border: &str,
    fill: Vec<f32>,
    frame_list: Vec<FrameIn>,
    supersample: bool,
    out: Target<'py>,
) -> PyResult<()> {
    let border = Border::parse(border).ok_or_else(|| bad("warp: unknown border"))?;
    let request = Request { map, width, height, border, fill, frames: frames(frame_list), supersample };
    match (image, out) {
        (Picture::Bytes(a), Target::Bytes(o)) => linear(py, &a, &request, o),
        (Picture::Words(a), Target::Words(o)) => linear(py, &a, &request, o),
        (Picture::Floats(a), Target::Floats(o)) => linear(py, &a, &request, o),
        _ => Err(bad("warp: the output must be of the picture's kind")),
    }
}

fn linear<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    array: &PyReadonlyArrayDyn<'py, T>,
    request: &Request<'py>,
    mut out: PyReadwriteArrayDyn<'py, T>,
) -> PyResult<()> {
    let view = view(array)?;
    let warp = request.warp()?;
    let out = slice(&mut out)?;
    Ok(py.detach(|| warp::warp(&view, &warp, out))?)
}

/// Moves whole values; `fill` is an array of the image's own kind.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn warp_nearest<'py>(
    py: Python<'py>,
    image: Picture<'py>,
    map: MapIn<'py>,
    width: usize,
    height: usize,
    border: &str,
    fill: Picture<'py>,
    frame_list: Vec<FrameIn>,
    out: Target<'py>,
) -> PyResult<()> {
    let border = Border::parse(border).ok_or_else(|| bad("warp: unknown border"))?;
    let request =
        Request { map, width, height, border, fill: Vec::new(), frames: frames(frame_list), supersample: false };
    match (image, fill, out) {
        (Picture::Bytes(a), Picture::Bytes(f), Target::Bytes(o)) => nearest(py, &a, &f, &request, o),
        (Picture::Words(a), Picture::Words(f), Target::Words(o)) => nearest(py, &a, &f, &request, o),
        (Picture::Floats(a), Picture::Floats(f), Target::Floats(o)) => nearest(py, &a, &f, &request, o),
        _ => Err(bad("warp: the fill and the output must be of the mask's kind")),
    }
}

fn nearest<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    array: &PyReadonlyArrayDyn<'py, T>,
    fill: &PyReadonlyArrayDyn<'py, T>,
    request: &Request<'py>,
    mut out: PyReadwriteArrayDyn<'py, T>,
) -> PyResult<()> {
    let view = view(array)?;
    let warp = request.warp()?;
    let fill = fill.as_slice().map_err(|_| bad("warp: the fill must be C-contiguous"))?;
    let out = slice(&mut out)?;
    Ok(py.detach(|| warp::nearest(&view, &warp, fill, out))?)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(warp_linear, m)?)?;
    m.add_function(wrap_pyfunction!(warp_nearest, m)?)
}
