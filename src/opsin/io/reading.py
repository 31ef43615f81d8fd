"""`opsin.read`: from a path, bytes, a file object or an address to an array."""

from __future__ import annotations

import os

from opsin.io.decoding import decode
from opsin.io.facts import Array, Picture
from opsin.io.limits import LOCAL, Limits
from opsin.io.readdoor import Source, read_bytes

__all__ = ["read", "read_with_facts"]


def read(source: Source, *, network: bool = False, limits: Limits = LOCAL) -> Array:
    """Read a picture: upright, in sRGB, whole.

    Use it wherever a picture comes in. `read_with_facts` also tells format, orientation, profile and digest.

    Args:
        source: a path, bytes, a binary file object; an `https://` address with `network=True`.
        network: allow addresses.
        limits: what the input may cost; `opsin.io.SERVER` for strangers' files.
    Returns: H W (gray), H W 3, H W 4 (straight alpha) or H W N; uint8, uint16 or float32.
    Raises: DecodeError, whose `kind` says why.
    """
    return read_with_facts(source, network=network, limits=limits).image


def read_with_facts(
    source: Source,
    *,
    network: bool = False,
    limits: Limits = LOCAL,
    upright: bool = True,
    labels: bool = False,
    follow: bool = True,
    root: str | os.PathLike[str] | None = None,
) -> Picture:
    """Read a picture together with its facts.

    Args:
        source: as for `read`.
        network: allow addresses.
        limits: what the input may cost.
        upright: False keeps the picture as stored, for annotations made on the unrotated picture.
        labels: for masks: palette indices and gray values as stored.
        follow: follow a symbolic link at the end of the path.
        root: the folder that a relative path starts from and must not leave, by `..` or by any link.
    Returns: a `Picture`.
    Raises: DecodeError, whose `kind` says why.
    """
    blob = read_bytes(source, limits=limits, network=network, follow=follow, root=root)
    return decode(blob.data, limits=limits, source=blob.name, upright=upright, labels=labels, digest=blob.digest)
