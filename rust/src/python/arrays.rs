//! Arrays in and out, by their kind of sample.

use crate::error::{Error, Kind};
use crate::resample::View;
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// A picture H W or H W C of any of the three kinds.
#[derive(FromPyObject)]
pub enum Picture<'py> {
    #[pyo3(transparent)]
    Bytes(PyReadonlyArrayDyn<'py, u8>),
    #[pyo3(transparent)]
    Words(PyReadonlyArrayDyn<'py, u16>),
    #[pyo3(transparent)]
    Floats(PyReadonlyArrayDyn<'py, f32>),
}

/// The array as rows of samples; the Python side hands over C-contiguous arrays.
pub fn view<'a, T: numpy::Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> PyResult<View<'a, T>> {
    let shape = array.shape();
    let (height, width, channels) = match *shape {
        [h, w] => (h, w, 1),
        [h, w, c] => (h, w, c),
        _ => return Err(Error::new(Kind::Invalid, "the picture must be H W or H W C").into()),
    };
    if height == 0 || width == 0 || channels == 0 {
        return Err(Error::new(Kind::Invalid, "the picture must not be empty").into());
    }
    let Ok(data) = array.as_slice() else {
        return Err(Error::new(Kind::Invalid, "the picture must be C-contiguous").into());
    };
    Ok(View {
        data,
        stride: width * channels,
        width,
        height,
        channels,
    })
}

/// A new array of the picture's number of axes.
pub fn give<'py, T: numpy::Element>(
    py: Python<'py>,
    data: Vec<T>,
    like: &[usize],
    height: usize,
    width: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let mut shape = vec![height, width];
    shape.extend_from_slice(&like[2..]);
    Ok(PyArrayDyn::from_owned_array(
        py,
        numpy::ndarray::ArrayD::from_shape_vec(shape, data)
            .map_err(|_| Error::new(Kind::Invalid, "the output has another size than its shape says"))?,
    )
    .into_any())
}
