"""Arrays are given out again only when nobody holds them."""

import gc

import numpy as np

from opsin.pipeline.buffers import fresh

SHAPE = (3, 1024, 1024)


def address(array):
    return array.__array_interface__["data"][0]


def test_what_somebody_holds_is_not_given_out_again():
    first = fresh(SHAPE, np.float32)
    where = address(first)
    row = first[1, 5]
    second = fresh(SHAPE, np.float32)
    assert address(second) != where
    del first
    gc.collect()
    third = fresh(SHAPE, np.float32)
    assert address(third) != where, "a row of it is still looked at"
    buffer = memoryview(row)
    del row
    assert address(fresh(SHAPE, np.float32)) != where, "its memory is still looked at"
    del buffer
    gc.collect()
    held = [fresh(SHAPE, np.float32) for _ in range(3)]
    assert where in map(address, held)
    assert len({address(a) for a in [second, third, *held]}) == 5


def test_shape_dtype_and_small_arrays():
    assert fresh((2, 3), np.float16).shape == (2, 3)
    a = fresh(SHAPE, np.float32)
    a[:] = 1
    assert a.dtype == np.float32 and a.flags.writeable and a.flags.c_contiguous
    a.shape = (3, -1)
    del a
    assert fresh(SHAPE, np.float32).shape == SHAPE


def test_many_that_are_held():
    held = [fresh((300, 400), np.float32) for _ in range(40)]
    places = {address(a) for a in held}
    assert len(places) == 40
    more = fresh((300, 400), np.float32)
    assert address(more) not in places
    del held
    gc.collect()
    assert all(address(fresh((300, 400), np.float32)) in places for _ in range(5))
