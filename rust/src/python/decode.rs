//! `decode_jpeg`, `jpeg_info`, `decode_planes`.

use crate::error::{Error, Kind, Result};
use crate::jpeg::{Decoder, Header, Region, Request, color, header};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use std::cell::RefCell;

thread_local! {
    static DECODER: RefCell<Decoder> = RefCell::new(Decoder::new());
}

/// Runs `work` with this thread's decoder; its buffers serve again for the next picture.
pub fn with_decoder<T>(work: impl FnOnce(&mut Decoder) -> T) -> T {
    DECODER.with(|cell| match cell.try_borrow_mut() {
        Ok(mut decoder) => work(&mut decoder),
        Err(_) => work(&mut Decoder::new()),
    })
}

type Box4 = (usize, usize, usize, usize);

fn region(header: &Header, wanted: Option<Box4>) -> Result<Option<Region>> {
    let Some((x, y, w, h)) = wanted else {
        return Ok(None);
    };
    let inside = |at: usize, n: usize, size: usize| n > 0 && at.checked_add(n).is_some_and(|end| end <= size);
    if !inside(x, w, header.width) || !inside(y, h, header.height) {
        return Err(Error::new(
            Kind::Invalid,
            format!(
                "decode_jpeg: region must lie inside the picture of {} x {}; got ({x}, {y}, {w}, {h}).",
                header.width, header.height
            ),
        ));
    }
    Ok(Some(Region { x, y, w, h }))
}

/// (width, height, channels, orientation, (horizontal, vertical) chroma subsampling, restart interval)
#[pyfunction]
fn jpeg_info(
    py: Python<'_>,
    data: &[u8],
    max_pixels: u64,
) -> PyResult<(usize, usize, usize, u8, (usize, usize), usize)> {
    let h = py.detach(|| header::parse(data, max_pixels))?;
    Ok((h.width, h.height, h.components.len(), h.orientation, (h.hmax, h.vmax), h.restart))
}

/// (width, height, orientation) as stored; nothing where the file is not for the core.
#[pyfunction]
fn jpeg_head(data: &[u8], max_pixels: u64) -> Option<(usize, usize, u8)> {
    let header = header::parse(data, max_pixels).ok()?;
    Some((header.width, header.height, header.orientation))
}

/// Whether a color profile stands before the picture.
#[pyfunction]
fn jpeg_has_profile(data: &[u8]) -> bool {
    header::has_profile(data)
}

/// (pixels in a flat array, height, width, channels, whether the whole picture was decoded)
#[pyfunction]
fn decode_jpeg<'py>(
    py: Python<'py>,
    data: &[u8],
    denom: usize,
    wanted: Option<Box4>,
    max_pixels: u64,
) -> PyResult<(Bound<'py, PyArray1<u8>>, usize, usize, usize, bool)> {
    let header = header::parse(data, max_pixels)?;
    if !matches!(denom, 1 | 2 | 4 | 8) {
        return Err(Error::new(
            Kind::Invalid,
            format!("decode_jpeg: scale must be 1, 1/2, 1/4 or 1/8; got 1/{denom}."),
        )
        .into());
    }
    let wanted = region(&header, wanted)?;
    let size = color::scaled_region(&header, denom, wanted);
    let channels = header.components.len();
    let (out, whole) = py.detach(|| {
        let mut out = vec![0u8; size.w * size.h * channels];
        with_decoder(|d| d.decode_pixels(data, &header, denom, wanted, &mut out)).map(|whole| (out, whole))
    })?;
    Ok((PyArray1::from_vec(py, out), size.h, size.w, channels, whole))
}

type PlaneOut<'py> = (Bound<'py, PyArray2<u8>>, (usize, usize), (usize, usize), (f64, f64));

/// Per component: (samples, (x0, y0), (width, height) of the whole plane, samples per pixel).
#[pyfunction]
fn decode_planes<'py>(
    py: Python<'py>,
    data: &[u8],
    denom: usize,
    wanted: Option<Box4>,
    fast: bool,
    max_pixels: u64,
) -> PyResult<(Vec<PlaneOut<'py>>, bool)> {
    let header = header::parse(data, max_pixels)?;
    let region = region(&header, wanted)?;
    with_decoder(|decoder| {
        let request = Request { denom, region, fast };
        let whole = py.detach(|| decoder.decode_planes(data, &header, &request))?;
        let planes = decoder.planes.iter().map(|plane| {
            let mut samples = Vec::with_capacity(plane.w * plane.h);
            for y in 0..plane.h {
                samples.extend_from_slice(plane.row(y));
            }
            let array = PyArray1::from_vec(py, samples).reshape([plane.h, plane.w])?;
            Ok((array, (plane.x0, plane.y0), (plane.full_w, plane.full_h), (plane.sx, plane.sy)))
        });
        Ok((planes.collect::<PyResult<Vec<_>>>()?, whole))
    })
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(jpeg_info, m)?)?;
    m.add_function(wrap_pyfunction!(jpeg_head, m)?)?;
    m.add_function(wrap_pyfunction!(jpeg_has_profile, m)?)?;
    m.add_function(wrap_pyfunction!(decode_jpeg, m)?)?;
    m.add_function(wrap_pyfunction!(decode_planes, m)?)
}
