//! `encode_png`.

use crate::png;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A PNG of rows of 8 bits.
#[pyfunction]
fn encode_png<'py>(
    py: Python<'py>,
    data: &[u8],
    width: usize,
    height: usize,
    channels: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let out = py.detach(|| png::encode(data, width, height, channels))?;
    Ok(PyBytes::new(py, &out))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(encode_png, m)?)
}
