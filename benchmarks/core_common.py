"""What the benchmarks of the compiled core share: photographs, fair timing, tables."""

from __future__ import annotations

import importlib
import importlib.util
import io
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Task = Callable[[], object]


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def quiet_opencv() -> Any:
    """OpenCV on one thread."""
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    return cv2


def originals() -> list[NDArray[np.uint8]]:
    """The color photographs of scikit-image and scikit-learn."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    return [
        data.astronaut(),
        data.chelsea(),
        data.coffee(),
        data.rocket(),
        *map(load_sample_image, ("china.jpg", "flower.jpg")),
    ]


def jpeg(pixels: NDArray[np.uint8], **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def covering(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Scale and cut to a size, as a photographer would."""
    image = Image.fromarray(pixels)
    scale = max(width / image.width, height / image.height)
    wide, high = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    return np.asarray(image.resize((wide, high), Image.Resampling.LANCZOS).crop((0, 0, width, height)))


def small_files(qualities: Sequence[int] = (75, 80, 85, 90, 93, 96)) -> list[bytes]:
    """500 x 375, 4:2:0, at several qualities."""
    return [jpeg(covering(p, 500, 375), quality=q) for p in originals() for q in qualities]


def large_files() -> list[bytes]:
    """4000 x 3000 with some grain, so that a file is as large as a phone's."""
    rng = np.random.default_rng(0)
    out = []
    for pixels in originals()[4:]:
        grain = rng.normal(0, 4, (3000, 4000, 1))
        out.append(jpeg((covering(pixels, 4000, 3000) + grain).clip(0, 255).astype(np.uint8), quality=88))
    return out


def interleaved(
    tasks: Mapping[str, Task], rounds: int = 7, seconds: float = 0.3, cpu: bool = False
) -> dict[str, float]:
    """Median seconds per call; tasks take turns, in turned order every other round."""
    clock = time.process_time if cpu else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for r in range(rounds):
        for name in list(tasks)[:: 1 if r % 2 == 0 else -1]:
            start, calls = clock(), 0
            while clock() - start < seconds:
                tasks[name]()
                calls += 1
            times[name].append((clock() - start) / calls)
    return {name: statistics.median(t) for name, t in times.items()}


def table(title: str, found: Mapping[str, float], base: str, per: int, absent: Sequence[str] = ()) -> str:
    """Write milliseconds and how many times as fast as the base."""
    lines = [f"### {title}", "", "| | ms a picture | times as fast as " + base + " |", "|---|---|---|"]
    for name, seconds in sorted(found.items(), key=lambda item: item[1]):
        lines.append(f"| {name} | {seconds / per * 1e3:.3f} | {found[base] / seconds:.2f} |")
    lines += [f"| {name} | not installed | |" for name in absent]
    return "\n".join(lines) + "\n"


def psnr(a: NDArray[Any], b: NDArray[Any], white: float = 255.0) -> float:
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float("inf") if error == 0 else 10 * np.log10(white**2 / error)
