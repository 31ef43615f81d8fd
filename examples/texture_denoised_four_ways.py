"""Take strong noise off a texture, four ways, with how near each comes to the clean picture.

python examples/texture_denoised_four_ways.py [PICTURE] --out texture_denoised_four_ways.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Add noise of 30 levels to a clean picture (bricks by default), denoise it, write a sheet, give the PSNRs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", help="a clean picture")
    parser.add_argument("--out", default="texture_denoised_four_ways.webp")
    words = parser.parse_args(arguments)
    clean = opsin.read(words.picture) if words.picture else data.brick()[:256, :256]

    std = 30 / 255
    noisy = ops.gaussian_noise(clean, std=std, rng=opsin.Rng(1))
    pictures = {
        "Noisy": noisy,
        "Total variation": ops.tv_denoise(noisy, weight=0.9 * std),
        "Non-local means": ops.nl_means(noisy, std=std),
        "Learned dictionary": ops.dictionary_denoise(noisy, std=std),
        "BM3D": ops.bm3d(noisy, std=std),
    }

    scores = {}
    for name, picture in pictures.items():
        scores[name] = 10 * np.log10(255**2 / np.mean((picture.astype(float) - clean) ** 2))
        print(f"{name}: {scores[name]:.2f} dB")
    captions = ["Clean", *(f"{name}: {score:.1f} dB" for name, score in scores.items())]
    opsin.write(contact_sheet([clean, *pictures.values()], 3, captions, cell=(256, 256)), words.out)
    return scores


if __name__ == "__main__":
    main()
