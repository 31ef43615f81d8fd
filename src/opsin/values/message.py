"""What was hidden in a picture."""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np

from opsin.types import Array
from opsin.values.base import Value

__all__ = ["Message"]


class Message(Value):
    """A message that was found in a picture; it equals the text, bytes or picture that was hidden.

    Attributes:
        message: the text (str), the bytes, or the picture.
    """

    def __init__(self, message: str | bytes | Array) -> None:
        self.message = message

    @property
    def kind(self) -> Literal["text", "bytes", "picture"]:
        """What it is."""
        return "text" if isinstance(self.message, str) else "bytes" if isinstance(self.message, bytes) else "picture"

    def __eq__(self, other: object) -> bool:
        mine, theirs = self.message, other.message if isinstance(other, Message) else other
        if isinstance(mine, np.ndarray) or isinstance(theirs, np.ndarray):
            if not (isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray)):
                return False
            return mine.dtype == theirs.dtype and bool(np.array_equal(mine, theirs))
        return mine == theirs

    def __hash__(self) -> int:
        return hash(self.message.tobytes() if isinstance(self.message, np.ndarray) else self.message)

    def __str__(self) -> str:
        return self.message if isinstance(self.message, str) else repr(self)

    def __bytes__(self) -> bytes:
        if isinstance(self.message, bytes):
            return self.message
        return self.message.encode("utf-8") if isinstance(self.message, str) else self.message.tobytes()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.message, dtype=dtype) if copy else np.asarray(self.message, dtype=dtype)

    def __repr__(self) -> str:
        if isinstance(self.message, np.ndarray):
            return f"Message(a picture, {self.message.dtype} of shape {self.message.shape})"
        text = repr(self.message)
        return f"Message({text if len(text) <= 60 else text[:57] + '...'})"

    def to_dict(self) -> dict[str, Any]:
        """Give the kind and the message; bytes and pictures as Base64."""
        if isinstance(self.message, str):
            return {"type": "message", "kind": "text", "text": self.message}
        out = {"type": "message", "kind": self.kind, "data": base64.b64encode(bytes(self)).decode("ascii")}
        if isinstance(self.message, np.ndarray):
            out |= {"dtype": str(self.message.dtype), "shape": list(self.message.shape)}  # type: ignore[dict-item]
        return out

    def draw(self, image: Array) -> Array:
        """Write the text over the picture's foot, or lay the hidden picture into its corner."""
        from opsin.draw import draw_text, fitted

        if not isinstance(self.message, np.ndarray):
            text = self.message if isinstance(self.message, str) else f"{len(self.message)} bytes"
            return draw_text(image, text)
        from opsin.canvas import displayable

        out = np.array(displayable(image))
        small = fitted(displayable(self.message), max(1, out.shape[1] // 3), max(1, out.shape[0] // 3))
        out[-small.shape[0] :, -small.shape[1] :] = small
        return out
