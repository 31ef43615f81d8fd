"""`opsin bench quality`: how well denoisers, deblurring and filling work, measured on scikit-image's pictures.

Noise comes from addressed draws, so that everybody measures the same numbers (to the last digit of the libraries).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from opsin import ops, psf
from opsin.arrays import to_unit
from opsin.chance import Rng
from opsin.kernels.extras import need
from opsin.kernels.luma import luma

__all__ = ["Quality", "denoise_folder", "measure_quality", "pictures"]

Floats = NDArray[np.float32]
Run = Callable[[Floats, float], Floats]

SIGMAS = (15, 25, 50)

DENOISERS: dict[str, tuple[str, Run]] = {
    "gaussian_blur": ("sigma=1.2 px", lambda x, s: ops.gaussian_blur(x, sigma=1.2)),
    "median_blur": ("radius=2", lambda x, s: ops.median_blur(x, radius=2)),
    "bilateral_filter": (
        "sigma_color=4 std, sigma_space=1.5 px",
        lambda x, s: ops.bilateral_filter(x, sigma_color=4.0 * s, sigma_space=1.5),
    ),
    "anisotropic_diffusion": (
        "iterations=10, kappa=std, gamma=0.2, option=2",
        lambda x, s: ops.anisotropic_diffusion(x, iterations=10, kappa=s, gamma=0.2, option=2),
    ),
    "wavelet_denoise": ("wavelet='db2'", lambda x, s: ops.wavelet_denoise(x, std=s, wavelet="db2")),
    "tv_denoise": ("weight=0.85 std", lambda x, s: ops.tv_denoise(x, weight=0.85 * s)),
    "nl_means": ("defaults", lambda x, s: ops.nl_means(x, std=s)),
    "dictionary_denoise": ("defaults", lambda x, s: ops.dictionary_denoise(x, std=s)),
    "bm3d": ("defaults", lambda x, s: ops.bm3d(x, std=s)),
}

PUBLISHED = {"Set12": "12 | 32.37 | 29.97 | 26.72", "BSD68": "68 | 31.07 | 28.57 | 25.62"}
"""BM3D's figures in Zhang et al., "Beyond a Gaussian denoiser", TIP 2017, tables II and III."""

KERNELS: dict[str, Callable[[], Any]] = {
    "Gaussian, sigma 1.6": lambda: psf.gaussian(1.6),
    "motion, 15 px at 30 degrees": lambda: psf.motion(15, 30),
    "disk, radius 4": lambda: psf.disk(4),
}
NOISES = (0.002, 0.01)
BALANCES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
STEPS = (5, 10, 20, 40, 80)

METHODS: tuple[Literal["navier_stokes", "telea", "biharmonic", "tv", "dictionary"], ...]
METHODS = ("navier_stokes", "telea", "biharmonic", "tv", "dictionary")


def pictures(color: bool = False) -> dict[str, Floats]:
    """The set: 256 x 256 parts of five pictures that come with scikit-image; gray (0..1) or color."""
    data = need("skimage.data", "bench quality", extra="cv")
    parts = {
        "astronaut": data.astronaut()[0:256, 100:356],
        "coffee": data.coffee()[100:356, 200:456],
        "cat": data.chelsea()[20:276, 100:356],
    }
    if color:
        return {name: to_unit(part) for name, part in parts.items()}
    gray = {name: luma(to_unit(part)) for name, part in parts.items()}
    return {"camera": to_unit(data.camera()[128:384, 128:384]), "brick": to_unit(data.brick()[:256, :256])} | gray


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Peak signal to noise in dB for values 0..1."""
    return float(-10.0 * np.log10(np.mean((a.astype(np.float64) - b) ** 2)))


def _noisy(clean: Floats, std: float, name: str) -> Floats:
    return (clean + Rng(0).normal(name, 0.0, std, clean.shape)).astype(np.float32)


def _denoising() -> dict[str, Any]:
    rows: dict[str, Any] = {"noisy": {"words": "", "seconds": 0.0}}
    for name, (words, _) in DENOISERS.items():
        rows[name] = {"words": words}
    for sigma in SIGMAS:
        clean = pictures()
        noisy = {k: _noisy(v, sigma / 255.0, f"{k}{sigma}") for k, v in clean.items()}
        rows["noisy"][str(sigma)] = {k: psnr(noisy[k], clean[k]) for k in clean}
        for name, (_, run) in DENOISERS.items():
            start = time.process_time()
            rows[name][str(sigma)] = {k: psnr(run(noisy[k], sigma / 255.0), clean[k]) for k in clean}
            rows[name]["seconds"] = (time.process_time() - start) / len(clean)
    return rows


def _color() -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name in ("nl_means", "dictionary_denoise", "bm3d"):
        rows[name] = {}
        for sigma in SIGMAS:
            found = [
                psnr(DENOISERS[name][1](_noisy(v, sigma / 255.0, f"{k}{sigma}"), sigma / 255.0), v)
                for k, v in pictures(color=True).items()
            ]
            rows[name][str(sigma)] = float(np.mean(found))
    return rows


def _best(runs: Mapping[Any, Callable[[Floats], Floats]], seen: list[Floats], clean: list[Floats]) -> tuple[Any, float]:
    """The setting with the best mean PSNR, 24 pixels at the edges apart."""
    inner = (slice(24, -24), slice(24, -24))
    scores = {
        key: float(
            np.mean([psnr(np.clip(run(s), 0.0, 1.0)[inner], c[inner]) for s, c in zip(seen, clean, strict=True)])
        )
        for key, run in runs.items()
    }
    best = max(scores, key=lambda key: scores[key])
    return best, scores[best]


def _deblurring() -> dict[str, Any]:
    clean = list(pictures().values())
    out: dict[str, Any] = {}
    for name, make in KERNELS.items():
        kernel = make()
        for noise in NOISES:
            seen = [ops.degrade(c, psf=kernel, std=noise, rng=Rng(i)) for i, c in enumerate(clean)]
            _, before = _best({"": _same}, seen, clean)
            runs: dict[str, dict[Any, Callable[[Floats], Floats]]] = {
                "wiener": {b: _bound(ops.wiener, kernel, balance=b, border="reflect") for b in BALANCES},
                "constrained_least_squares": {
                    b: _bound(ops.constrained_least_squares, kernel, gamma=b, border="reflect") for b in BALANCES
                },
                "richardson_lucy": {
                    n: _bound(ops.richardson_lucy, kernel, iterations=n, border="reflect") for n in STEPS
                },
                "unsupervised_wiener": {"": _bound(ops.unsupervised_wiener, kernel, border="reflect")},
            }
            row: dict[str, Any] = {"blurred": before}
            for method, settings in runs.items():
                # a picture below 0 is no picture of light
                given = [np.maximum(s, 0.0) for s in seen] if method == "richardson_lucy" else seen
                setting, after = _best(settings, given, clean)
                row[method] = {"gain": after - before, "setting": setting}
            out[f"{name}; noise {noise:g}"] = row
    return out


def _same(image: Floats) -> Floats:
    return image


def _bound(op: Callable[..., Any], kernel: NDArray[Any], **words: Any) -> Callable[[Floats], Floats]:
    return lambda image: op(image, psf=kernel, **words)


def holes(height: int, width: int) -> dict[str, NDArray[np.bool_]]:
    """Three kinds of damage: scratches, a fifth of the pixels, squares of 12 pixels."""
    rng = Rng(0)
    y, x = np.mgrid[:height, :width]
    scratches = np.zeros((height, width), dtype=np.bool_)
    for i in range(12):
        angle, offset = rng.uniform(f"angle{i}", 0.0, np.pi), rng.uniform(f"offset{i}", -0.4, 0.4) * height
        scratches |= np.abs((x - width / 2) * np.cos(angle) + (y - height / 2) * np.sin(angle) - offset) < 1.5
    squares = np.zeros((height, width), dtype=np.bool_)
    for i in range(16):
        top, left = rng.integers(f"top{i}", 8, height - 20), rng.integers(f"left{i}", 8, width - 20)
        squares[top : top + 12, left : left + 12] = True
    dust = rng.uniform("dust", 0.0, 1.0, (height, width)) < 0.2
    return {"scratches 3 px wide": scratches, "a fifth of the pixels": dust, "squares of 12 px": squares}


def _inpainting() -> dict[str, Any]:
    out: dict[str, Any] = {}
    whole = pictures(color=True)
    for name, mask in holes(256, 256).items():
        row: dict[str, Any] = {"share": float(mask.mean())}
        for method in METHODS:
            scores = []
            for clean in whole.values():
                broken = np.where(mask[..., None], np.float32(1.0), clean)
                filled = ops.inpaint(broken, mask, method=method)
                scores.append(psnr(np.clip(filled, 0.0, 1.0)[mask], clean[mask]))
            row[method] = float(np.mean(scores))
        out[name] = row
    return out


def _edges() -> dict[str, Any]:
    feature, filters = need("skimage.feature", "bench quality"), need("skimage.filters", "bench quality")
    f, sobel = [], []
    for picture in pictures().values():
        for sigma in (1.0, 2.0):
            ours = np.asarray(ops.canny(picture, sigma=sigma, low=0.1, high=0.2))
            theirs = feature.canny(picture, sigma=sigma, low_threshold=0.1, high_threshold=0.2)
            both = int((ours & theirs).sum())
            f.append(2.0 * both / max(1, int(ours.sum()) + int(theirs.sum())))
        inner = (slice(1, -1), slice(1, -1))
        ours = np.asarray(ops.sobel(picture), dtype=np.float64)[inner]
        theirs = filters.sobel(picture.astype(np.float64))[inner]
        sobel.append(float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]))
    from opsin.surfaces.bench_boundaries import canny_scores, drawn_scenes

    best = canny_scores(drawn_scenes())
    setting = f"sigma {best['sigma']:g}, high {best['high']:g}"
    return {
        f"canny, best F on six drawn scenes ({setting})": best["F"],
        "canny, F with scikit-image": float(np.mean(f)),
        "sobel, correlation with scikit-image": float(np.mean(sobel)),
    }


class Quality(dict[str, Any]):
    """The figures as plain data; as text, tables in Markdown."""

    def __str__(self) -> str:
        return "\n\n".join((self._denoising(), self._color(), self._deblurring(), self._inpainting(), self._edges()))

    def _denoising(self) -> str:
        lines = ["| technique | settings | " + " | ".join(f"sigma {s}" for s in SIGMAS) + " | seconds |"]
        lines.append("|---|---|" + "---:|" * (len(SIGMAS) + 1))
        for name, row in self["denoising"].items():
            means = " | ".join(f"{np.mean(list(row[str(s)].values())):.2f}" for s in SIGMAS)
            seconds = f"{row['seconds']:.2f}" if row["seconds"] else ""
            title = name if name == "noisy" else f"`{name}`"
            lines.append(f"| {title} | {row['words']} | {means} | {seconds} |")
        return "\n".join(lines)

    def _color(self) -> str:
        lines = ["| technique, color | " + " | ".join(f"sigma {s}" for s in SIGMAS) + " |", "|---|" + "---:|" * 3]
        lines += [
            f"| `{name}` | " + " | ".join(f"{row[str(s)]:.2f}" for s in SIGMAS) + " |"
            for name, row in self["denoising_color"].items()
        ]
        return "\n".join(lines)

    def _deblurring(self) -> str:
        methods = ("wiener", "constrained_least_squares", "unsupervised_wiener", "richardson_lucy")
        lines = ["| blur; noise | blurred | " + " | ".join(f"`{m}`" for m in methods) + " |", "|---|" + "---:|" * 5]
        for name, row in self["deblurring"].items():
            cells = [
                f"{row[m]['gain']:+.2f}" + (f" ({row[m]['setting']})" if row[m]["setting"] != "" else "")
                for m in methods
            ]
            lines.append(f"| {name} | {row['blurred']:.2f} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _inpainting(self) -> str:
        lines = ["| damage | share | " + " | ".join(f"`{m}`" for m in METHODS) + " |", "|---|" + "---:|" * 6]
        lines += [
            f"| {name} | {row['share']:.0%} | " + " | ".join(f"{row[m]:.2f}" for m in METHODS) + " |"
            for name, row in self["inpainting"].items()
        ]
        return "\n".join(lines)

    def _edges(self) -> str:
        lines = ["| edges | agreement |", "|---|---:|"]
        return "\n".join(lines + [f"| {name} | {value:.4f} |" for name, value in self["edges"].items()])


def denoise_folder(folder: str) -> str:
    """`bm3d` on the gray of every picture in a folder (Set12, BSD68), beside what was published for it."""
    from opsin.io.clip import frames

    found: dict[int, list[float]] = {sigma: [] for sigma in SIGMAS}
    for number, image in enumerate(frames(folder)):
        unit = to_unit(image, np.float32)
        clean = luma(unit[..., :3]) if unit.ndim == 3 and unit.shape[2] >= 3 else unit.reshape(unit.shape[:2])
        for sigma in SIGMAS:
            std = sigma / 255.0
            found[sigma].append(psnr(ops.bm3d(_noisy(clean, std, f"{number}/{sigma}"), std=std), clean))
    lines = ["| PSNR, dB | pictures | " + " | ".join(f"sigma {s}" for s in SIGMAS) + " |", "|---|---:|---:|---:|---:|"]
    cells = " | ".join(f"{np.mean(found[s]):.2f}" for s in SIGMAS)
    lines.append(f"| `bm3d`, {folder} | {len(found[SIGMAS[0]])} | {cells} |")
    lines += [f"| BM3D as published, {name} | {words} |" for name, words in PUBLISHED.items()]
    return "\n".join(lines)


def measure_quality() -> Quality:
    """Measure everything; it takes about three minutes on one core.

    Returns:
        plain data: `denoising` (technique, sigma, picture: PSNR), `denoising_color`, `deblurring`, `inpainting`,
        `edges`; `str()` of it writes the tables of docs/guide/quality.md.
    """
    return Quality(
        denoising=_denoising(),
        denoising_color=_color(),
        deblurring=_deblurring(),
        inpainting=_inpainting(),
        edges=_edges(),
    )
