"""Embedded colour profiles, ink and Lab: everything to sRGB.

8 bits go through LittleCMS (Pillow's ImageCms), perceptual intent. 16 bits go through our own evaluation of matrix and
curve profiles in float; a profile made of tables goes through a grid of 33 x 33 x 33 colors and linear interpolation.
"""

from __future__ import annotations

import hashlib
import io
import threading
from typing import Any, NamedTuple

import numpy as np

from opsin.io.facts import Array, Note, Profile, Space
from opsin.io.icc_matrix import gray_to_srgb, matrix_to_srgb

__all__ = ["is_srgb", "to_srgb"]

_GRID = 33
_KEPT = 32


class _Transform(NamedTuple):
    """A profile made ready: what it describes, whether it is sRGB, and its 8-bit transform."""

    space: str
    is_srgb: bool
    run: Any
    error: str


_cache: dict[tuple[str, str], _Transform] = {}
_lock = threading.Lock()


def to_srgb(array: Array, space: Space, profile: bytes | None, notes: list[Note]) -> tuple[Array, Profile]:
    """Bring decoded channels to sRGB.

    Args:
        array: H W or H W C as the codec gave it.
        space: what the channels are.
        profile: the embedded ICC profile.
        notes: gains a note when a profile is damaged or is not applied.
    Returns: the array (gray, RGB or RGBA; bands untouched) and what became of the profile.
    """
    if space == "lab":
        return _lab_to_srgb(array), "none"
    if space == "cmyk":
        return _ink_to_srgb(array, profile, notes)
    if profile is None:
        return array, "none"
    if space == "bands" or (space == "rgb" and array.shape[2] not in (3, 4)):
        notes.append(Note("icc_ignored", "bands have no color: the color profile is not applied."))
        return array, "ignored"
    ready = _prepare(profile, "L" if space == "gray" else "RGB")
    if ready.error:
        notes.append(Note("bad_icc", f"{ready.error}; the color profile is not applied."))
        return array, "ignored"
    if ready.is_srgb:
        return array, "srgb"
    if array.dtype == np.float32:
        notes.append(Note("icc_ignored", "floats are kept as they are: the color profile is not applied."))
        return array, "ignored"
    if space == "gray":
        return _gray(array, profile, ready), "converted"
    color = array[..., :3]
    if array.dtype == np.uint8:
        converted = _run8(ready, "RGB", color)
    else:
        exact = matrix_to_srgb(profile, color)
        converted = _through_grid(ready, color) if exact is None else exact
    if array.shape[2] == 4:
        converted = np.concatenate([converted, array[..., 3:]], axis=2)
    return converted, "converted"


def is_srgb(profile: bytes, mode: str) -> bool:
    """Say whether a profile is sRGB in all but name, so that pixels stay as they are and there is nothing to note."""
    return _prepare(profile, mode).is_srgb


def _prepare(profile: bytes, mode: str) -> _Transform:
    key = (hashlib.sha256(profile).hexdigest(), mode)
    with _lock:
        known = _cache.get(key)
    if known is None:
        known = _build(profile, mode)
        with _lock:
            if len(_cache) >= _KEPT:
                _cache.pop(next(iter(_cache)))
            _cache[key] = known
    return known


def _build(profile: bytes, mode: str) -> _Transform:
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(opened.profile.xcolor_space).strip()
        wanted = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}[mode]
        if space != wanted:
            return _Transform(space, False, None, f"the profile describes {space}, the picture is {wanted}")
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.PERCEPTUAL
        run = ImageCms.buildTransform(opened, target, mode, "RGB", renderingIntent=intent)
        ready = _Transform(space, False, run, "")
        return ready._replace(is_srgb=mode != "CMYK" and _changes_nothing(ready, mode))
    except Exception as error:  # LittleCMS and Pillow raise many classes, and a profile must never stop a decode
        reason = str(error).strip().splitlines()
        return _Transform("", False, None, f"the profile cannot be used ({reason[0] if reason else 'damaged'})")


def _changes_nothing(ready: _Transform, mode: str) -> bool:
    """Say whether a profile is sRGB in all but name: no color of a lattice moves by more than 2 of 255."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    if mode == "L":
        ramp = np.arange(256, dtype=np.uint8)[None]
        return int(np.abs(_run8(ready, "L", ramp)[..., 1].astype(int) - ramp).max()) <= 2
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    return int(np.abs(_run8(ready, "RGB", lattice).astype(int) - lattice).max()) <= 2


def _run8(ready: _Transform, mode: str, array: Array) -> Array:
    from PIL import Image, ImageCms

    solid = np.ascontiguousarray(array)
    source = Image.frombuffer(mode, (solid.shape[1], solid.shape[0]), solid.tobytes(), "raw", mode, 0, 1)
    result = ImageCms.applyTransform(source, ready.run)
    return np.array(result)


def _gray(array: Array, profile: bytes, ready: _Transform) -> Array:
    """Gray by the profile's own curve; by LittleCMS, which is levels off in the shadows, only where there is none."""
    wide = array.dtype == np.uint16
    exact = gray_to_srgb(profile, array if wide else np.arange(0, 65536, 257, dtype=np.uint16)[None])
    if exact is not None:
        return exact if wide else ((exact[0].astype(np.uint32) + 128) // 257).astype(np.uint8)[array]
    table = _run8(ready, "L", np.arange(256, dtype=np.uint8)[None])[0, :, 1]
    if wide:
        return (np.interp(array, np.arange(256) * 257.0, table * 257.0) + 0.5).astype(np.uint16)
    return np.ascontiguousarray(table[array])


def _through_grid(ready: _Transform, color: Array) -> Array:
    """16-bit colors through a table profile: trilinear between 33 nodes an axis, whose values have 8 bits."""
    nodes = np.linspace(0, 255, _GRID)
    low = np.stack(np.meshgrid(*(nodes.round().astype(np.uint8),) * 3, indexing="ij"), axis=-1)
    table = _run8(ready, "RGB", low.reshape(1, -1, 3)).reshape(_GRID, _GRID, _GRID, 3).astype(np.float32) * 257.0
    axis = (nodes.round() * 257.0).astype(np.float32)
    out = np.empty(color.shape, np.uint16)
    for row in range(0, len(color), 64):
        part = color[row : row + 64]
        index = np.clip(np.searchsorted(axis, part, side="right") - 1, 0, _GRID - 2)
        share = (part - axis[index]) / (axis[index + 1] - axis[index])
        value = np.zeros(part.shape, np.float32)
        for corner in range(8):
            step = np.array([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
            weight = np.where(step, share, 1 - share).prod(axis=-1, keepdims=True)
            place = index + step
            value += weight * table[place[..., 0], place[..., 1], place[..., 2]]
        out[row : row + 64] = (value + 0.5).astype(np.uint16)
    return out


def _ink_to_srgb(array: Array, profile: bytes | None, notes: list[Note]) -> tuple[Array, Profile]:
    """CMYK, full scale = full ink: by the profile, else (1 - ink) (1 - black), as Pillow does."""
    state: Profile = "none"
    if profile is not None:
        ready = _prepare(profile, "CMYK")
        if not ready.error:
            if array.dtype == np.uint16:
                notes.append(Note("precision", "16-bit ink goes through its profile in 8 bits."))
                eight = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
                return _run8(ready, "CMYK", eight).astype(np.uint16) * np.uint16(257), "converted"
            return _run8(ready, "CMYK", array), "converted"
        notes.append(Note("bad_icc", f"{ready.error}; ink is converted by the plain formula."))
        state = "ignored"
    if array.dtype == np.uint8:
        from PIL import Image

        ink = Image.frombuffer("CMYK", (array.shape[1], array.shape[0]), array.tobytes(), "raw", "CMYK", 0, 1)
        return np.array(ink.convert("RGB")), state
    light = 1.0 - array.astype(np.float64) / 65535
    return (light[..., :3] * light[..., 3:] * 65535 + 0.5).astype(np.uint16), state


def _lab_to_srgb(lab: Array) -> Array:
    """CIE Lab under D50 to sRGB, uint8. Source: ICC.1:2022 (PCS), CIE 15, Bradford to D65, IEC 61966-2-1."""
    from opsin.io.icc_matrix import encode_srgb, xyz_d50_to_linear

    lightness = (lab[..., 0].astype(np.float64) + 16) / 116
    f = np.stack([lightness + lab[..., 1] / 500.0, lightness, lightness - lab[..., 2] / 200.0], axis=-1)
    cube = f**3
    xyz = np.where(cube > 216 / 24389, cube, (116 * f - 16) * 27 / 24389) * (0.9642, 1.0, 0.8249)
    return (encode_srgb(xyz_d50_to_linear(xyz)) * 255 + 0.5).astype(np.uint8)
