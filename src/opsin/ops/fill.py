"""Filling holes and laying in parts so that no seam shows."""

from typing import Annotated, Any, Literal

import numpy as np

from opsin.arrays import from_unit, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels import dictionary, membrane, variation
from opsin.kernels.extras import need
from opsin.op import op
from opsin.ops._planes import color_of, rejoin, second_picture, with_color
from opsin.types import Array, Bound, Channels, Image, Mask, Unit, Usual

Place = Annotated[int, Bound(ge=0, le=1 << 20), Unit("px"), Usual(0, 64)]
PATCH = 8  # side of the patches of the dictionary method


def _check_mask(where: str, mask: Array, size: tuple[int, int], of: str) -> Array:
    if mask.shape != size:
        wanted = f"{size[0]} x {size[1]}, the {of}'s height and width"
        raise ParamError(refusal(where, "mask", wanted, mask, "Resize it with nearest, or cut it."))
    return mask


@op(extra="cv")
def inpaint(
    image: Image,
    /,
    mask: Mask,
    *,
    method: Literal["navier_stokes", "telea", "tv", "biharmonic", "dictionary"] = "telea",
    radius: Annotated[float, Bound(gt=0.0, le=1000.0), Unit("px"), Usual(1.0, 15.0)] = 3.0,
    channels: Channels = "color",
) -> Image:
    """Fill a hole from what lies around it.

    Use it for scratches, dust, date stamps and wires. "telea" and "navier_stokes" are fast and fit thin damage; "tv"
    continues edges straight; "biharmonic" continues shading, best on smooth pictures; "dictionary" knows texture from
    the rest of the picture. None of them invents an object.

    Args:
        mask: H W bool, True where the picture is to be filled.
        method: how to continue what is known.
        radius: of the neighborhood in pixels that "telea" and "navier_stokes" look at; the others need none.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; pixels outside the mask, and alpha, are untouched.

    Raises:
        ParamError: a mask of another size, or one that leaves nothing known.

    Source:
        Bertalmio, Bertozzi and Sapiro, CVPR 2001; Telea, JGT 2004; Chan and Shen, SIAM 2002; Damelin and Hoang, "On
        surface completion and image inpainting by biharmonic functions", 2018; Mairal, Elad and Sapiro, TIP 2008.
    """
    _check_mask("inpaint", mask, image.shape[:2], "picture")
    if not mask.any():
        return np.array(image, order="C")
    if mask.all():
        hint = "Without a known pixel there is nothing to continue."
        raise ParamError(refusal("inpaint", "mask", "False somewhere", verbatim("True everywhere"), hint))
    color = color_of(image, channels)
    if method in ("telea", "navier_stokes"):
        filled = _march(color, mask, method, radius)
        if filled.dtype == np.uint8 and filled is not color:
            return with_color(image, filled.reshape(color.shape), channels)  # OpenCV touches nothing else
    else:
        values = to_unit(color).reshape(*mask.shape, -1)
        run = {"tv": _tv, "biharmonic": _biharmonic, "dictionary": _dictionary}[method]
        filled = from_unit(run(values, mask).reshape(color.shape), image.dtype)
    out = np.where(mask.reshape(mask.shape + (1,) * (color.ndim - 2)), filled.reshape(color.shape), color)
    return with_color(image, out, channels)


def _march(color: Array, mask: Array, method: str, radius: float) -> Array:
    """OpenCV fills bytes with one or three channels; 16 bit and floats one channel at a time, which is the same."""
    cv2 = need("cv2", "inpaint", extra="cv")
    flag = cv2.INPAINT_TELEA if method == "telea" else cv2.INPAINT_NS
    marks = mask.astype(np.uint8)
    if color.dtype == np.uint8 and (color.ndim == 2 or color.shape[2] == 3):
        return np.asarray(cv2.inpaint(np.ascontiguousarray(color), marks, radius, flag))
    low, high = float(color.min()), float(color.max())
    if low == high:
        return color
    if color.dtype == np.float32 and method == "telea":
        # its gradient term and its rounding are in units of one level, whatever the type: floats go by 16 bit
        levels = np.rint((color - low) * np.float32(65535.0 / (high - low))).astype(np.uint16)
        return _march(levels, mask, method, radius) * np.float32((high - low) / 65535.0) + np.float32(low)
    planes = [color] if color.ndim == 2 else [color[..., k] for k in range(color.shape[2])]
    filled = [cv2.inpaint(np.ascontiguousarray(p), marks, radius, flag) for p in planes]
    return np.asarray(filled[0] if color.ndim == 2 else np.stack(filled, axis=2))


def _around(mask: Array, margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )


def _harmonic(values: Array, mask: Array) -> Array:
    """The smoothest first guess: every filled pixel is the mean of its neighbors."""
    zero = np.zeros(mask.shape)
    planes = [
        membrane.solve(mask, np.where(mask, 0.0, values[..., k]), zero, tolerance=1e-3) for k in range(values.shape[2])
    ]
    return np.stack(planes, axis=2)


def _tv(values: Array, mask: Array) -> Array:
    box = _around(mask, 2)
    out = np.array(values, dtype=np.float32)
    part, hole = values[box], mask[box]
    out[box] = variation.fill(part, hole, _harmonic(part, hole))
    return out


def _biharmonic(values: Array, mask: Array) -> Array:
    restoration = need("skimage.restoration", "inpaint", extra="cv")
    return np.asarray(restoration.inpaint_biharmonic(values, mask, split_into_regions=True, channel_axis=-1))


def _dictionary(values: Array, mask: Array) -> Array:
    height, width = mask.shape
    more = [(0, max(0, PATCH - n)) for n in mask.shape]  # a patch must fit
    values = np.pad(values, (*more, (0, 0)), mode="symmetric")
    mask = np.pad(mask, more, mode="symmetric")
    guess = _biharmonic(values, mask)
    mix = dictionary.cosine_matrix(values.shape[2])
    planes = guess.astype(np.float32) @ mix.T
    whole = ~np.lib.stride_tricks.sliding_window_view(mask, (PATCH, PATCH)).any(axis=(2, 3))
    bright = np.ascontiguousarray(planes[..., 0])
    # what is known is taken to be clean; where no patch is whole, the first guess must teach
    atoms = dictionary.train(
        bright, PATCH, 256, (3.0 / 255.0) ** 2, whole if whole.sum() > 4096 else None, sweeps=8, most=8192
    )
    for k in range(planes.shape[2]):
        planes[..., k] = dictionary.fill_plane(np.ascontiguousarray(planes[..., k]), mask, atoms, PATCH)
    return np.asarray((planes @ mix)[:height, :width])


@op
def seamless_clone(
    image: Image,
    /,
    patch: Image,
    mask: Mask,
    *,
    left: Place,
    top: Place,
    gradients: Literal["patch", "mixed"] = "patch",
) -> Image:
    """Lay a part of another picture in so that no seam shows: its gradients are kept, its brightness adapts.

    Use it to paste objects whose background resembles the place they go to. Pixels outside the mask do not change.

    Args:
        patch: h w (C), the picture that the part comes from; gray serves for color, another depth is converted.
        mask: h w bool of the patch's size, True on the part.
        left: column of the picture at which the patch's left edge lies, in pixels.
        top: row of the picture at which the patch's upper edge lies, in pixels.
        gradients: "patch" takes the part as it is; "mixed" keeps whatever is stronger, part or picture, for text,
            holes and glass.

    Returns:
        same shape and dtype as the picture; alpha is untouched.

    Raises:
        ParamError: a mask of another size than the patch, a patch that does not lie within the picture, or a mask
            that leaves nothing of the picture around it.

    Source:
        Perez, Gangnet and Blake, "Poisson image editing", SIGGRAPH 2003, equations 7 and 13.
    """
    part = second_picture("seamless_clone", "patch", patch, image)
    high, wide = part.shape[:2]
    _check_mask("seamless_clone", mask, (high, wide), "patch")
    for name, start, length, limit in (("left", left, wide, image.shape[1]), ("top", top, high, image.shape[0])):
        if start + length > limit:
            hint = "Cut the patch, or move it."
            raise ParamError(
                refusal("seamless_clone", name, f"at most {limit - length}, so that the patch fits", start, hint)
            )
    if not mask.any():
        return np.array(image, order="C")
    color = color_of(image)
    values = to_unit(color, np.float64).reshape(*image.shape[:2], -1)
    source = np.pad(to_unit(part, np.float64).reshape(high, wide, -1), ((1, 1), (1, 1), (0, 0)), mode="edge")
    # one pixel around the patch gives the values to meet; at the picture's edge there is none
    y0, x0 = max(0, top - 1), max(0, left - 1)
    y1, x1 = min(image.shape[0], top + high + 1), min(image.shape[1], left + wide + 1)
    below = values[y0:y1, x0:x1]
    above = source[y0 - top + 1 : y1 - top + 1, x0 - left + 1 : x1 - left + 1]
    region = np.pad(mask, 1)[y0 - top + 1 : y1 - top + 1, x0 - left + 1 : x1 - left + 1]
    if region.all():
        hint = "Leave a border of the picture around the part."
        raise ParamError(refusal("seamless_clone", "mask", "smaller than the picture", mask, hint))
    out = np.array(values)
    for k in range(values.shape[2]):
        guidance = _divergence(below[..., k], above[..., k], mixed=gradients == "mixed")
        first = np.where(region, above[..., k], below[..., k])
        solved = membrane.solve(region, first, guidance, tolerance=1e-5 if image.dtype == np.uint8 else 1e-7)
        out[y0:y1, x0:x1, k] = np.where(region, solved, below[..., k])
    return rejoin(image, out.reshape(color.shape))


def _divergence(below: Array, above: Array, *, mixed: bool) -> Any:
    """What the solution's laplace_sum must be: differences of the part, or of whatever is stronger."""
    if not mixed:
        return membrane.laplace_sum(above)
    out = np.zeros_like(above)
    for axis in (0, 1):
        d, b = np.diff(above, axis=axis), np.diff(below, axis=axis)
        flow = np.where(np.abs(b) > np.abs(d), b, d)
        head = [slice(None), slice(None)]
        tail = [slice(None), slice(None)]
        head[axis], tail[axis] = slice(None, -1), slice(1, None)
        out[tuple(head)] -= flow
        out[tuple(tail)] += flow
    return out
