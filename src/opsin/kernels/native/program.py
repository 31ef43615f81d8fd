"""Whole pipelines that the core runs by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from opsin.errors import ParamError, refusal
from opsin.kernels.native.loading import need, refuse
from opsin.types import Array

__all__ = ["Outcome", "Program", "key_words", "one_step"]

Address = tuple[int, int, int]  # draw number, epoch, the word of the sample's key


@dataclass(frozen=True)
class Outcome:
    """What comes out of a program for one source.

    Args:
        shape: H W C, or C H W where the program ends in to_tensor.
        dtype: uint8, float32 or float16.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]


class Program:
    """A pipeline that the core runs by itself: it decodes, draws and writes into the batch, without the GIL.

    Args:
        text: the steps as JSON; rust/README.md describes it, `opsin.pipeline.program` writes it.

    Raises:
        ParamError: the core cannot run it; the sentence says which step.
    """

    def __init__(self, text: str) -> None:
        core = need()
        try:
            self._program = core.Program(text)
        except core.NativeError as error:
            refuse(error)

    def outcome(self, source: bytes | Array, address: Address = (0, 0, 0)) -> Outcome:
        """Say what comes out of a source, reading no more than its header.

        Raises:
            DecodeError: the file is not for the core.
            ParamError: a step does not fit the source.
        """
        core = need()
        try:
            found = self._program.shape(_source(source), address)
        except core.NativeError as error:
            refuse(error)
        return _outcome(found)

    def look(self, files: list[bytes], addresses: list[Address]) -> tuple[list[int], Outcome | None]:
        """Look at the heads of many files.

        Returns:
            positions of files that are no JPEG, or stand under a color profile; what comes out of the first of the
            others that the core takes, None where it takes none.
        """
        odd, found = self._program.look(files, addresses)
        return odd, None if found is None else _outcome(found)

    def run(
        self,
        sources: Sequence[bytes | Array],
        addresses: Sequence[Address],
        out: Array,
        *,
        threads: int = 1,
    ) -> tuple[list[tuple[int, str, str]], Sequence[Any]]:
        """Run every source into its place of one array.

        Args:
            sources: JPEG files as bytes, or pictures (uint8 or float32, gray or RGB).
            addresses: one per source.
            out: N x what `outcome` says (gray without its axis, too), C-contiguous; the places of failed sources, and
                of those that come out in another shape, are left as they are.
            threads: how many work at once.

        Returns:
            (position, kind, message) of every failed source: kinds are those of DecodeError, and `invalid`; and what
            geometry did, per source None or ((width, height), [(matrix, width, height, border, fill, by a kernel)],
            whether the file was decoded whole).
        """
        core = need()
        if len(out) != len(sources):
            raise ParamError(refusal("run", "out", f"an array of {len(sources)} pictures", out))
        target = out.view(np.uint16) if out.dtype == np.float16 else out
        axes = (*out.shape[1:], 1)[:3]
        try:
            given = [s if type(s) is bytes else _source(s) for s in sources]
            return self._program.run(given, addresses, target, axes, threads)
        except core.NativeError as error:
            refuse(error)

    def run_one(
        self, source: bytes | Array, address: Address, make: Callable[[Outcome], Array]
    ) -> tuple[Array, Sequence[Any]]:
        """Run one source on this thread.

        Args:
            source: as for `run`.
            address: of its draws.
            make: gives the array to write into when it is told what comes out, C-contiguous.

        Returns:
            the array that `make` gave, and what geometry did, as of `run` for one source.

        Raises:
            DecodeError: the file is damaged, or not for the core.
            ParamError: a step does not fit the source.
        """

        def place(found: tuple[int, int, int, bool, str]) -> tuple[Array, Array]:
            image = make(_outcome(found))
            return image, image.view(np.uint16) if image.dtype == np.float16 else image

        core = need()
        try:
            return self._program.run_one(_source(source), address, place)
        except core.NativeError as error:
            refuse(error)

    def draw(self, address: Address) -> list[str]:
        """Give what is drawn at an address as text, step by step."""
        drawn: list[str] = self._program.draw(address)
        return drawn


def key_words(keys: list[Any], other: Callable[[Any], int]) -> list[int]:
    """Give the words of many keys, as `opsin.chance.key_word` does; `other` gives those of the rarer kinds."""
    words: list[int] = need().key_words(keys, other)
    return words


@lru_cache(maxsize=256)
def _outcome(found: tuple[int, int, int, bool, str]) -> Outcome:
    height, width, channels, planar, kind = found
    return Outcome((channels, height, width) if planar else (height, width, channels), np.dtype(kind))


def _source(source: bytes | Array) -> bytes | Array:
    return np.ascontiguousarray(source) if isinstance(source, np.ndarray) else bytes(source)


@lru_cache(maxsize=256)
def _step(op: str, shape: tuple[int, ...], **numbers: float) -> tuple[Program, Outcome]:
    """One step for pictures of a shape, and what comes out of it."""
    program = Program(json.dumps({"version": 1, "steps": [{"op": op, **numbers}]}))
    return program, program.outcome(np.zeros(shape, np.uint8))


def one_step(image: Array, op: str, **numbers: float) -> Array:
    """Run one color step on a picture: uint8, gray or RGB (H W or H W 3), as a pipeline of that step would.

    Returns:
        H W C of uint8.
    """
    program, outcome = _step(op, image.shape, **numbers)
    out = np.empty((1, *outcome.shape), outcome.dtype)
    errors, _ = program.run([image], [(0, 0, 0)], out)
    if errors:
        raise ParamError(errors[0][2])
    return out[0]
