"""The guide's page on files says what the library does."""

from __future__ import annotations

import os
import pathlib
import re

import numpy as np
import pytest
from io_seeds import picture

import opsin
from opsin.io import LOCAL, SERVER
from opsin.io.encoding import _WRITERS, encode
from opsin.io.headers import FORMATS

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "guide" / "formats.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opsin.write(picture(3), "photo.jpg")
    opsin.write(picture(1), "mask.png")
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, object] = {"data": encode(picture(3), "png")}
    exec(compile(blocks[0], "formats.md", "exec"), names)
    assert np.array_equal(names["mask"], picture(1))
    assert sorted(os.listdir(tmp_path)) == ["mask.png", "out.png", "photo.jpg"]


def test_every_format_is_on_the_page() -> None:
    for name in FORMATS:
        shown = {"WEBP": "WebP", "TIFF": "TIFF, BigTIFF"}.get(name, name)
        assert f"\n| {shown} |" in PAGE, name
    for name, writer in _WRITERS.items():
        row = next(line for line in PAGE.splitlines() if re.match(rf"\| `[^`]*{_shown(name)}\b", line))
        for option in writer.options:
            assert f"`{option}`" in row, (name, option)
        for dtype in set(writer.dtypes) - {"bool"}:
            assert dtype in row, (name, dtype)


def _shown(name: str) -> str:
    return {"jpeg": "jpg", "tiff": "tif"}.get(name, name)


def test_the_limits_on_the_page_are_in_force() -> None:
    rows = {
        line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:4]]
        for line in PAGE.splitlines()
        if "|" in line
    }
    assert rows["bytes"] == [f"{LOCAL.bytes >> 30} GiB", f"{SERVER.bytes >> 20} MiB"]
    assert rows["pixels a frame / side"] == [
        f"{LOCAL.pixels // 10**6} million / {LOCAL.side:,}",
        f"{SERVER.pixels // 10**6} million / {SERVER.side:,}",
    ]
    assert rows["frames / JPEG scans / TIFF directories"] == [
        f"{LOCAL.frames:,} / {LOCAL.scans} / {LOCAL.ifds:,}",
        f"{SERVER.frames} / {SERVER.scans} / {SERVER.ifds}",
    ]
    assert rows["metadata kept"] == [f"{LOCAL.metadata_bytes >> 20} MiB", f"{SERVER.metadata_bytes >> 10} KiB"]
    assert rows["decoded bytes"] == [f"{LOCAL.decoded_bytes >> 30} GiB", f"{SERVER.decoded_bytes >> 20} MiB"]
