"""What every result that is not a picture can do: describe itself, draw itself, save itself."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self, cast

import numpy as np

from opsin.errors import ParamError, refusal
from opsin.types import Array

__all__ = ["ArrayValue", "Value", "check_canvas", "plain"]


class Value:
    """What a technique returns when it is not a picture.

    Every surface can show a value: `to_dict` gives plain data for JSON, `draw` puts it on the picture it came from.
    """

    def to_dict(self) -> dict[str, Any]:
        """Give plain data: numbers, text, lists and dicts only."""
        raise TypeError(f"{type(self).__name__} does not say what it holds")

    def draw(self, image: Array) -> Array:
        """Draw on a picture: H W 3 uint8."""
        raise TypeError(f"{type(self).__name__} cannot be drawn")


class ArrayValue(Value, np.ndarray[Any, np.dtype[Any]]):
    """A result that is an array: it can be used wherever the array can, and knows more than its numbers.

    Whatever is computed from it (a slice, a sum, its negation) is an ordinary array again; copies and pickles keep
    what it knows.
    """

    knows: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, array: Any, **facts: Any) -> Self:
        """Wrap an array without copying it."""
        out = np.asarray(array).view(cls)
        for name, fact in facts.items():
            if name not in cls.knows:
                raise TypeError(f"{cls.__name__} knows nothing of {name!r}")
            setattr(out, name, fact)
        return out

    def __array_finalize__(self, source: Any) -> None:
        for name in self.knows:
            setattr(self, name, getattr(source, name, None))

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self)[key]

    def __reduce__(self) -> Any:
        rebuild, args, state = cast(tuple[Any, ...], super().__reduce__())
        return rebuild, args, (state, {name: getattr(self, name) for name in self.knows})

    def __setstate__(self, state: Any) -> None:
        numbers, facts = state
        super().__setstate__(numbers)
        for name, fact in facts.items():
            setattr(self, name, fact)

    def __deepcopy__(self, memo: Any) -> Self:
        return self.copy()

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def _size(self) -> str:
        return " x ".join(str(n) for n in (self.shape[1], self.shape[0])) if self.ndim >= 2 else str(self.shape)


def plain(value: Any) -> Any:
    """Turn NumPy numbers and arrays into what JSON can hold; what is not finite becomes None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(np.asarray(value).tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def check_canvas(where: str, image: Array, height: int, width: int) -> Array:
    """Refuse to draw on a picture of another size; of many bands give the first, the middle and the last.

    Raises:
        ParamError: the picture is not `height` x `width`.
    """
    if np.ndim(image) not in (2, 3) or np.shape(image)[:2] != (height, width):
        raise ParamError(refusal(f"{where}.draw", "image", f"{height} x {width}, as the result", image))
    count = image.shape[2] if image.ndim == 3 else 1
    return image if count <= 4 else image[..., [0, count // 2, count - 1]]
