//! `warp` and `warp_nearest`, by a matrix or by a field.

use super::arrays::{Picture, give, view};
use crate::error::{Error, Kind};
use crate::resample::Sample;
use crate::warp::{self, Border, Frame, Map, Matrix, Warp};
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
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
    list.into_iter()
        .map(|(back, width, height)| Frame { back, width, height, fill: 0 })
        .collect()
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
) -> PyResult<Bound<'py, PyAny>> {
    let border = Border::parse(border).ok_or_else(|| bad("warp: unknown border"))?;
    let request = Request {
        map,
        width,
        height,
        border,
        fill,
        frames: frames(frame_list),
        supersample,
    };
    match image {
        Picture::Bytes(a) => linear(py, &a, &request),
        Picture::Words(a) => linear(py, &a, &request),
        Picture::Floats(a) => linear(py, &a, &request),
    }
}

fn linear<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    array: &PyReadonlyArrayDyn<'py, T>,
    request: &Request<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let view = view(array)?;
    let warp = request.warp()?;
    let out = py.detach(|| {
        let mut out = vec![T::default(); warp.width * warp.height * view.channels];
        warp::warp(&view, &warp, &mut out).map(|()| out)
    })?;
    give(py, out, array.shape(), request.height, request.width)
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
) -> PyResult<Bound<'py, PyAny>> {
    let border = Border::parse(border).ok_or_else(|| bad("warp: unknown border"))?;
    let request = Request {
        map,
        width,
        height,
        border,
        fill: Vec::new(),
        frames: frames(frame_list),
        supersample: false,
    };
    match (image, fill) {
        (Picture::Bytes(a), Picture::Bytes(f)) => nearest(py, &a, &f, &request),
        (Picture::Words(a), Picture::Words(f)) => nearest(py, &a, &f, &request),
        (Picture::Floats(a), Picture::Floats(f)) => nearest(py, &a, &f, &request),
        _ => Err(bad("warp: the fill must be of the mask's kind")),
    }
}

fn nearest<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    array: &PyReadonlyArrayDyn<'py, T>,
    fill: &PyReadonlyArrayDyn<'py, T>,
    request: &Request<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let view = view(array)?;
    let warp = request.warp()?;
    let fill = fill
        .as_slice()
        .map_err(|_| bad("warp: the fill must be C-contiguous"))?;
    let out = py.detach(|| {
        let mut out = vec![T::default(); warp.width * warp.height * view.channels];
        warp::nearest(&view, &warp, fill, &mut out).map(|()| out)
    })?;
    give(py, out, array.shape(), request.height, request.width)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(warp_linear, m)?)?;
    m.add_function(wrap_pyfunction!(warp_nearest, m)?)
}
