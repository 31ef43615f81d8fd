"""Messages in pictures: hidden in the last bits, found again."""

import numpy as np

from opsin.arrays import check_image, color_count
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels import stego
from opsin.op import op
from opsin.ops._planes import with_color
from opsin.types import Array, Image
from opsin.values.message import Message

_TEXT, _BYTES, _PICTURE = 1, 2, 3
_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
_LARGEST = 1 << 30  # bytes that a message may unfold to


def _slots(image: Array) -> Array:
    """The color values in which a message may stand, as a flat copy.

    Writers may change color that nobody sees, so that completely transparent pixels are left out.
    """
    color = image.reshape(*image.shape[:2], -1)[..., : color_count(image)]
    if image.ndim == 3 and image.shape[2] == 4:
        return color[image[..., 3] > 0].ravel()
    return color.ravel()


def _check_levels(where: str, name: str, image: Array) -> None:
    if image.dtype.kind == "f":
        hint = "Convert it first: floats have no last bit that files keep."
        raise ParamError(refusal(where, name, "uint8 or uint16", image, hint))


@op(quantizes=True)
def hide(cover: Image, /, message: str | bytes | Image, *, key: str | None = None) -> Image:
    """Hide a text, bytes or a picture in the last bits of a picture.

    Use it for watermarks and labels that travel with the pixels. Write the result as PNG, TIFF, BMP or lossless WebP
    only; JPEG, scaling and any change of brightness destroy the message. The picture changes by at most one level
    (over 50 dB). Hiding is not encrypting: encrypt secret bytes before hiding them.

    Args:
        message: text, bytes, or a picture; it is compressed where that helps.
        key: decides the order in which pixels are used, so that only who has it finds the message; None is the order
            that everybody knows.

    Returns:
        same shape and dtype as the cover; alpha is untouched.

    Raises:
        ParamError: a float picture, or a message that is larger than the cover can hold.

    Source:
        Least significant bit embedding in a pseudo-random order: Katzenbeisser and Petitcolas, "Information Hiding
        Techniques for Steganography and Digital Watermarking", 2000, 3.2; the order by a Feistel network, the checksum
        by BLAKE2b.
    """
    _check_levels("hide", "cover", cover)
    kind, payload = _pack(message)
    values = np.array(_slots(cover))
    room = stego.capacity(values.size)
    if len(payload) > room:
        got = verbatim(f"{len(payload):,} bytes")
        hint = "Take a larger picture or a shorter message."
        raise ParamError(refusal("hide", "message", f"at most {room:,} bytes for this cover", got, hint))
    stego.embed(values, kind, payload, key)
    count = color_count(cover)
    color = np.array(cover.reshape(*cover.shape[:2], -1)[..., :count])
    if cover.ndim == 3 and cover.shape[2] == 4:
        color[cover[..., 3] > 0] = values.reshape(-1, count)
    else:
        color = values.reshape(color.shape)
    return with_color(cover, color if cover.ndim == 3 else color[..., 0])


def _pack(message: str | bytes | Array) -> tuple[int, bytes]:
    if isinstance(message, str):
        try:
            return _TEXT, stego.pack(message.encode("utf-8"))
        except UnicodeEncodeError:
            hint = "It holds half a character (a lone surrogate)."
            raise ParamError(refusal("hide", "message", "text that UTF-8 can write", message, hint)) from None
    if isinstance(message, bytes):
        return _BYTES, stego.pack(message)
    picture = check_image("hide", message, name="message")
    sizes = np.array([picture.ndim, _DTYPES.index(picture.dtype), *picture.shape], dtype="<u4")
    return _PICTURE, stego.pack(
        sizes.tobytes() + np.ascontiguousarray(picture).astype(picture.dtype.newbyteorder("<")).tobytes()
    )


@op(quantizes=True)
def reveal(image: Image, /, *, key: str | None = None) -> Message:
    """Find what `hide` hid in a picture.

    Use it on pictures that went through lossless files only.

    Args:
        key: the key that was given to `hide`.

    Returns:
        a Message, which equals what was hidden; `.message` is the text, the bytes or the picture.

    Raises:
        ParamError: there is no message, the key is another one, or the picture was changed since.

    Source:
        As for `hide`.
    """
    _check_levels("reveal", "image", image)
    found = stego.extract(_slots(image), key)
    if isinstance(found, str) and _is_gray(image):
        found = stego.extract(image[..., 0].ravel(), key)  # WebP knows no gray: it came back three times
    if found == "absent":
        hint = "The key may be another one, or the picture was stored in a lossy format or scaled."
        raise ParamError(refusal("reveal", "image", "one that holds a message", verbatim("none"), hint))
    message = None if isinstance(found, str) else _unpack(*found)
    if message is None:
        hint = "The picture was changed since."
        raise ParamError(
            refusal("reveal", "image", "unchanged since the message was hidden", verbatim("a damaged one"), hint)
        )
    return Message(message)


def _is_gray(image: Array) -> bool:
    if image.ndim != 3 or image.shape[2] != 3:
        return False
    return bool(np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 0], image[..., 2]))


def _unpack(kind: int, payload: bytes) -> str | bytes | Array | None:
    data = stego.unpack(payload, _LARGEST)
    if data is None or kind not in (_TEXT, _BYTES, _PICTURE):
        return None
    if kind == _BYTES:
        return data
    if kind == _TEXT:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return None
    head = np.frombuffer(data[:20], dtype="<u4", count=min(5, len(data) // 4)).tolist()
    if len(head) < 4 or head[0] not in (2, 3) or head[1] >= len(_DTYPES) or len(head) < 2 + head[0]:
        return None
    shape, dtype = tuple(head[2 : 2 + head[0]]), _DTYPES[head[1]]
    body = data[4 * (2 + head[0]) :]
    if len(body) != dtype.itemsize * int(np.prod(shape, dtype=np.uint64)):
        return None
    return np.frombuffer(body, dtype=dtype.newbyteorder("<")).astype(dtype).reshape(shape)
