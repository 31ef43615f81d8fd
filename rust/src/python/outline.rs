//! `carry_boxes`.

use crate::outline::{self, Canvas, Least};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

fn canvas(matrix: &PyReadonlyArray2<'_, f64>, width: f64, height: f64) -> PyResult<Canvas> {
    let matrix = matrix.as_array();
    if matrix.dim() != (3, 3) || !matrix.iter().all(|v| v.is_finite()) {
        return Err(PyValueError::new_err("carry_boxes: matrices must be 3 x 3 and finite"));
    }
    Ok(Canvas { matrix: std::array::from_fn(|k| matrix[[k / 3, k % 3]]), width, height })
}

/// Of what stays: the rows, x1 y1 x2 y2 and the visible part; of what goes: the row, whether nothing of it is left, and
/// its visible part.
pub type Boxes<'py> =
    (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>, Vec<(usize, bool, f64)>);

/// Carries boxes; `before` is how much of each object was seen already, `least` the least visible part, area and side.
pub fn carried<'py>(
    py: Python<'py>,
    boxes: &PyReadonlyArray2<'py, f64>,
    before: &PyReadonlyArray1<'py, f64>,
    least: (f64, f64, f64),
    canvases: &[Canvas],
) -> PyResult<Boxes<'py>> {
    let (view, before) = (boxes.as_array(), before.as_array());
    if view.ncols() != 4 || before.len() != view.nrows() {
        return Err(PyValueError::new_err("carry_boxes: boxes must be N x 4, beside N visible parts"));
    }
    let rows: Vec<[f64; 4]> = view.rows().into_iter().map(|r| [r[0], r[1], r[2], r[3]]).collect();
    let least = Least { visible: least.0, area: least.1, side: least.2 };
    let (mut kept, mut hulls, mut visible, mut gone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (row, (one, before)) in outline::carry(&rows, canvases).into_iter().zip(before).enumerate() {
        let seen = before * one.visible;
        if let Some(outside) = least.drops(&one, seen) {
            gone.push((row, outside, seen));
        } else {
            kept.push(row as i64);
            hulls.push(one.hull);
            visible.push(seen);
        }
    }
    let hulls = PyArray1::from_vec(py, hulls.into_flattened()).reshape([kept.len(), 4])?;
    Ok((PyArray1::from_vec(py, kept), hulls, PyArray1::from_vec(py, visible), gone))
}

#[pyfunction]
fn carry_boxes<'py>(
    py: Python<'py>,
    boxes: PyReadonlyArray2<'py, f64>,
    before: PyReadonlyArray1<'py, f64>,
    least: (f64, f64, f64),
    stages: Vec<(PyReadonlyArray2<'py, f64>, f64, f64)>,
) -> PyResult<Boxes<'py>> {
    let canvases: Vec<Canvas> = stages.iter().map(|(m, w, h)| canvas(m, *w, *h)).collect::<PyResult<_>>()?;
    carried(py, &boxes, &before, least, &canvases)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(carry_boxes, m)?)
}
