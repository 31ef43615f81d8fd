//! Arrays in and out, by their kind of sample.

use crate::error::{Error, Kind};
use crate::resample::View;
use numpy::{PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArrayMethods};
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
    Ok(View { data, stride: width * channels, width, height, channels })
}

/// An array to write into.
#[derive(FromPyObject)]
pub enum Target<'py> {
    #[pyo3(transparent)]
    Bytes(PyReadwriteArrayDyn<'py, u8>),
    #[pyo3(transparent)]
    Words(PyReadwriteArrayDyn<'py, u16>),
    #[pyo3(transparent)]
    Floats(PyReadwriteArrayDyn<'py, f32>),
}

pub fn slice<'a, T: numpy::Element>(out: &'a mut PyReadwriteArrayDyn<'_, T>) -> PyResult<&'a mut [T]> {
    out.as_slice_mut().map_err(|_| Error::new(Kind::Invalid, "the output must be C-contiguous").into())
}
