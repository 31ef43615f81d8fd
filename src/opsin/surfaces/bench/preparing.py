"""`opsin prepare` against the same work written with Pillow and a pool of processes, and against decoding alone."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["measure_prepare"]

WORKERS = 2
LEVEL = 1  # of PNG's compression, as `prepare` writes it
PIPELINE = "opsin: 1\nsteps:\n  - resize_shorter: {size: 256}\n  - center_crop: {width: 224, height: 224}\n"


def _by_pillow(job: tuple[str, str]) -> None:
    """Read a JPEG, shorter side 256, center crop 224, write what `prepare` writes: JPEG at quality 95, or PNG."""
    from PIL import Image

    from opsin.surfaces.bench.peers.pillow import shorter_window

    source, target = job
    image = shorter_window(Image.open(source).convert("RGB"))
    if target.endswith(".png"):
        image.save(target, compress_level=LEVEL)
    else:
        image.save(target, quality=95)


def _decoded(source: str) -> None:
    from opsin.io import read_bytes
    from opsin.surfaces.bench.peers.common import decoder

    decoder()(read_bytes(source).data)


def measure_prepare(files: Sequence[bytes], count: int = 1500, rounds: int = 3) -> dict[str, Any]:
    """Measure the job on two workers.

    Args:
        files: JPEGs, repeated until there are enough.
        count: photographs.
        rounds: how often each way prepares them all; medians count.

    Returns:
        plain data: pictures a second of each way, what each wrote in megabytes, and ratios.
    """
    from opsin.io import write_bytes

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "source" / "photographs"
        folder.mkdir(parents=True)
        for i in range(count):
            # a comment makes every file another one, so that nothing is recognized
            data = files[i % len(files)]
            write_bytes(folder / f"{i:04d}.jpg", data[:2] + b"\xff\xfe\x00\x04" + i.to_bytes(2, "big") + data[2:])
        text = Path(place) / "pipeline.yaml"
        write_bytes(text, PIPELINE.encode())
        kind = _kind_written(folder.parent, text, Path(place) / "look")
        ways: dict[str, Callable[[Path], None]] = {
            "opsin prepare": lambda out: _opsin(folder.parent, text, out),
            "Pillow and a pool of processes": lambda out: _pool(_by_pillow, _jobs(folder, out, kind)),
            "decode alone, in a pool": lambda out: _pool(_decoded, [str(p) for p in sorted(folder.iterdir())]),
        }
        times: dict[str, list[float]] = {k: [] for k in ways}
        written: dict[str, float] = {}
        order = list(ways)
        for r in range(rounds):
            for who in order:
                out = Path(place) / f"{list(ways).index(who)}-{r}"
                out.mkdir()
                start = time.perf_counter()
                ways[who](out)
                times[who].append(time.perf_counter() - start)
                written[who] = round(sum(p.stat().st_size for p in out.rglob(f"*{kind}")) / 1e6, 2)
            order.reverse()
    speeds = {k: count / statistics.median(v) for k, v in times.items()}
    own = speeds["opsin prepare"]
    pool, alone = speeds["Pillow and a pool of processes"], speeds["decode alone, in a pool"]
    return {
        "photographs": count,
        "workers": WORKERS,
        "writes": kind,
        "pictures a second": {k: round(v, 1) for k, v in speeds.items()},
        "megabytes of pictures": written,
        "against Pillow": round(own / pool, 3),
        "against decode alone": round(own / alone, 3),
        "says": f"{own:.0f} pictures a second on {WORKERS} workers: {own / pool:.2f} x Pillow and a pool of processes, "
        f"{own / alone:.2f} x decoding alone. Opsin also checks, journals, syncs and reports.",
    }


def _opsin(source: Path, pipeline: Path, out: Path, limit: int | None = None) -> None:
    from opsin.pipeline import Pipeline
    from opsin.run.job import JobOptions, prepare

    options = JobOptions(
        source=str(source), pipeline=Pipeline.from_yaml(pipeline), out=str(out), workers=WORKERS, limit=limit
    )
    prepare(options)


def _kind_written(source: Path, pipeline: Path, out: Path) -> str:
    """Find out how `prepare` names its pictures: a lossless or a lossy format."""
    _opsin(source, pipeline, out, limit=2)
    kinds = [p.suffix for p in (out / "data").rglob("*") if p.suffix in (".png", ".jpg", ".jpeg")]
    return kinds[0] if kinds else ".png"


def _jobs(folder: Path, out: Path, kind: str) -> list[tuple[str, str]]:
    return [(str(p), str(out / (p.stem + kind))) for p in sorted(folder.iterdir())]


def _pool(work: Callable[[Any], None], jobs: Sequence[Any]) -> None:
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(work, jobs, chunksize=8))
