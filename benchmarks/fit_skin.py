"""Fit the color model of `skin_segment` and say how good it is on pixels it has not seen.

The default model comes from the Skin Segmentation set of Rajen Bhatt and Abhinav Dhall (UCI Machine Learning
Repository, CC BY 4.0): 50,859 skin and 194,198 other pixels. Its file has the columns B, G, R and class (1 is skin),
whatever its first line says.

    python benchmarks/fit_skin.py Skin_NonSkin.txt --out src/opsin/assets/skin.json

Colors occur many times in the set, so a random split would test on colors that were learned. Here equal colors are
kept together: every fifth color (by a hash) is held out, with all its pixels. The figures are for that model; the one
that is written is fitted on everything, in the same way.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.mixture import Mixture, SkinModel, fit_mixture


def read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read the colors as RGB fractions, and whether they are skin."""
    rows = np.array([line.split()[:4] for line in path.read_text().splitlines() if line[:1].isdigit()], dtype=int)
    return rows[:, 2::-1] / 255.0, rows[:, 3] == 1


def held_out(colors: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Choose every fifth color by a hash of it, so that equal colors fall on one side."""
    code = (np.rint(colors * 255).astype(np.uint64) * np.array([65536, 256, 1], np.uint64)).sum(axis=1)
    mixed = (code + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(40)) % np.uint64(5) == 0


def fit(colors: NDArray[np.float64], skin: NDArray[np.bool_], components: tuple[int, int]) -> SkinModel:
    """Fit both mixtures."""
    return SkinModel(fit_mixture(colors[skin], components[0]), fit_mixture(colors[~skin], components[1]))


def scores(model: SkinModel, colors: NDArray[np.float64], skin: NDArray[np.bool_]) -> dict[str, float]:
    """Precision, recall and F1 of skin at an even threshold."""
    found = model.likely(colors, 0.5)
    hits = float((found & skin).sum())
    precision, recall = hits / max(1.0, float(found.sum())), hits / max(1.0, float(skin.sum()))
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(1e-12, precision + recall)}


def rounded(mixture: Mixture) -> dict[str, object]:
    """Write with eight digits, weights still summing to 1."""
    data = json.loads(json.dumps(mixture.to_dict()), parse_float=lambda text: float(f"{float(text):.8g}"))
    data["weights"] = (np.array(data["weights"]) / np.sum(data["weights"])).tolist()
    return data


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--skin", type=int, default=4, help="Gaussians of skin")
    parser.add_argument("--other", type=int, default=8, help="Gaussians of everything else")
    words = parser.parse_args()
    colors, skin = read(words.data)
    test = held_out(colors)
    report = scores(fit(colors[~test], skin[~test], (words.skin, words.other)), colors[test], skin[test])
    figures = ", ".join(f"{name} {value:.4f}" for name, value in report.items())
    print(f"held out: {int(test.sum())} pixels of colors not learned: {figures}")
    if words.out:
        model = fit(colors, skin, (words.skin, words.other))
        data = {
            "about": "Mixtures of Gaussians of RGB fractions, fitted by EM on the Skin Segmentation data set",
            "data": "Bhatt and Dhall, Skin Segmentation, UCI Machine Learning Repository, CC BY 4.0",
            "held_out": {k: round(v, 4) for k, v in report.items()},
            "skin": rounded(model.skin),
            "other": rounded(model.other),
        }
        words.out.parent.mkdir(parents=True, exist_ok=True)
        words.out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {words.out}, {words.out.stat().st_size} bytes; on all pixels: {scores(model, colors, skin)}")


if __name__ == "__main__":
    main()
