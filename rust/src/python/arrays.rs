//! Arrays in and out, by their kind of sample.

use crate::error::{Error, Kind};
use crate::resample::View;
use numpy::npyffi::NPY_TYPES;
use numpy::{PyArrayDescrMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// The kind of an array's elements; 0 is none of ours.
///
/// To try one kind after another takes longer than most pictures: each refusal is a sentence that nobody reads.
fn bytes_each(array: Borrowed<'_, '_, PyAny>) -> usize {
    const KINDS: [(NPY_TYPES, usize); 3] =
        [(NPY_TYPES::NPY_UBYTE, 1), (NPY_TYPES::NPY_USHORT, 2), (NPY_TYPES::NPY_FLOAT, 4)];
    let Ok(array) = array.cast::<PyUntypedArray>() else { return 0 };
    let kind = array.dtype().num();
    KINDS.iter().find(|(k, _)| *k as std::ffi::c_int == kind).map_or(0, |(_, size)| *size)
}

/// A picture H W or H W C of any of the three kinds.
pub enum Picture<'py> {
    Bytes(PyReadonlyArrayDyn<'py, u8>),
    Words(PyReadonlyArrayDyn<'py, u16>),
    Floats(PyReadonlyArrayDyn<'py, f32>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Picture<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(match bytes_each(given) {
            1 => Picture::Bytes(given.extract()?),
            2 => Picture::Words(given.extract()?),
            _ => Picture::Floats(given.extract()?),
        })
    }
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
pub enum Target<'py> {
    Bytes(PyReadwriteArrayDyn<'py, u8>),
    Words(PyReadwriteArrayDyn<'py, u16>),
    Floats(PyReadwriteArrayDyn<'py, f32>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Target<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(match bytes_each(given) {
            1 => Target::Bytes(given.extract()?),
            2 => Target::Words(given.extract()?),
            _ => Target::Floats(given.extract()?),
        })
    }
}

pub fn slice<'a, T: numpy::Element>(out: &'a mut PyReadwriteArrayDyn<'_, T>) -> PyResult<&'a mut [T]> {
    out.as_slice_mut().map_err(|_| Error::new(Kind::Invalid, "the output must be C-contiguous").into())
}
