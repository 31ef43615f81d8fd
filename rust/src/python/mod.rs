//! The Python face: arrays and bytes in, arrays and error kinds out. Everything heavy runs without the GIL.

mod arrays;
mod decode;
mod moves;
mod outline;
mod png;
mod program;
mod resize;
mod smooth;
mod values;
mod warp;

use crate::error::Error;
use crate::simd::{self, Level};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pyo3::create_exception!(_native, NativeError, PyValueError, "A refusal of the core: (kind, message).");

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        NativeError::new_err((error.kind.name(), error.message))
    }
}

#[pyfunction]
fn simd_level() -> &'static str {
    simd::current().name()
}

#[pyfunction]
#[pyo3(signature = (name=None))]
fn set_simd_level(name: Option<&str>) -> PyResult<&'static str> {
    let level = match name {
        None => None,
        Some(name) => Some(Level::parse(name).ok_or_else(|| {
            PyValueError::new_err(format!("set_simd_level: name must be base, avx2 or avx512; got '{name}'."))
        })?),
    };
    simd::set(level).map(Level::name).map_err(|best| {
        PyValueError::new_err(format!("set_simd_level: this processor's best level is {}.", best.name()))
    })
}

#[pymodule]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("NativeError", m.py().get_type::<NativeError>())?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_function(wrap_pyfunction!(simd_level, m)?)?;
    m.add_function(wrap_pyfunction!(set_simd_level, m)?)?;
    decode::register(m)?;
    resize::register(m)?;
    smooth::register(m)?;
    values::register(m)?;
    warp::register(m)?;
    moves::register(m)?;
    outline::register(m)?;
    png::register(m)?;
    program::register(m)
}
