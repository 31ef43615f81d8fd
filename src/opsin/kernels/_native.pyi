# The compiled core's face; see rust/src/python. Wrapped by native.py, which everything else uses.
from typing import Any

from numpy.typing import NDArray

__version__: str

class NativeError(ValueError): ...

def simd_level() -> str: ...
def set_simd_level(name: str | None = None) -> str: ...
def jpeg_info(data: bytes, max_pixels: int) -> tuple[int, int, int, int, tuple[int, int], int]: ...
def jpeg_has_profile(data: bytes) -> bool: ...
def decode_jpeg(
    data: bytes, denom: int, wanted: tuple[int, int, int, int] | None, max_pixels: int
) -> tuple[NDArray[Any], int, int, int, bool]: ...
def decode_planes(
    data: bytes, denom: int, wanted: tuple[int, int, int, int] | None, fast: bool, max_pixels: int
) -> tuple[list[tuple[NDArray[Any], tuple[int, int], tuple[int, int], tuple[float, float]]], bool]: ...
def carry_boxes(boxes: NDArray[Any], stages: list[tuple[list[float], float, float]]) -> NDArray[Any]: ...
def encode_png(data: bytes, width: int, height: int, channels: int) -> bytes: ...
def resize(
    image: NDArray[Any], width: int, height: int, kernel: str, window: list[float], flip: bool, out: NDArray[Any]
) -> None: ...
def warp_linear(
    image: NDArray[Any],
    map: list[float] | NDArray[Any],
    width: int,
    height: int,
    border: str,
    fill: list[float],
    frame_list: list[tuple[list[float], float, float]],
    supersample: bool,
    out: NDArray[Any],
) -> None: ...
def warp_nearest(
    image: NDArray[Any],
    map: list[float] | NDArray[Any],
    width: int,
    height: int,
    border: str,
    fill: NDArray[Any],
    frame_list: list[tuple[list[float], float, float]],
    out: NDArray[Any],
) -> None: ...
def philox_words(key: list[int], at: tuple[int, int, int]) -> list[int]: ...
def elementary(x: float) -> tuple[float, float, float]: ...

class Program:
    def __init__(self, text: str) -> None: ...
    def shape(self, source: bytes | NDArray[Any], at: tuple[int, int, int]) -> tuple[int, int, int, bool, str]: ...
    def run(
        self,
        sources: list[bytes | NDArray[Any]],
        addresses: list[tuple[int, int, int]],
        out: NDArray[Any],
        threads: int,
        records: bool,
    ) -> tuple[list[tuple[int, str, str]], list[Any]]: ...
    def draw(self, at: tuple[int, int, int]) -> list[str]: ...
