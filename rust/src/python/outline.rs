//! `carry_boxes`.

use crate::outline::{self, Canvas};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

fn canvas(matrix: &PyReadonlyArray2<'_, f64>, width: f64, height: f64) -> PyResult<Canvas> {
    let matrix = matrix.as_array();
    if matrix.dim() != (3, 3) || !matrix.iter().all(|v| v.is_finite()) {
        return Err(PyValueError::new_err("carry_boxes: matrices must be 3 x 3 and finite"));
    }
    Ok(Canvas { matrix: std::array::from_fn(|k| matrix[[k / 3, k % 3]]), width, height })
}

/// Per box: x1, y1, x2, y2, the visible part, the area that is left and the shorter side.
#[pyfunction]
fn carry_boxes<'py>(
    py: Python<'py>,
    boxes: PyReadonlyArray2<'py, f64>,
    stages: Vec<(PyReadonlyArray2<'py, f64>, f64, f64)>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let view = boxes.as_array();
    if view.ncols() != 4 {
        return Err(PyValueError::new_err("carry_boxes: boxes must be N x 4"));
    }
    let rows: Vec<[f64; 4]> = view.rows().into_iter().map(|r| [r[0], r[1], r[2], r[3]]).collect();
    let canvases: Vec<Canvas> = stages.iter().map(|(m, w, h)| canvas(m, *w, *h)).collect::<PyResult<_>>()?;
    let carried = outline::carry(&rows, &canvases);
    let line = |c: &outline::Carried| [c.hull[0], c.hull[1], c.hull[2], c.hull[3], c.visible, c.area, c.side];
    let lines: Vec<[f64; 7]> = carried.iter().map(line).collect();
    PyArray1::from_vec(py, lines.into_flattened()).reshape([rows.len(), 7])
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(carry_boxes, m)?)
}
