"""Compare every technique that wraps a library with the bare call of that library, on 1 MP, one thread.

    python benchmarks/classical.py [NAME ...] [--rounds 5] [--write]    # puts the table into docs/guide/quality.md

Both take turns, and medians are compared: 1.2 says that Opsin takes a fifth longer. What the bare call does not do
(checking the input, keeping alpha, turning floats back into levels) is part of Opsin's time; where a library takes
only floats, turning levels into floats is part of its own.
"""

import argparse
import re
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
import scipy.ndimage as ndimage
from scipy import signal
from skimage import data, exposure, feature, filters, morphology, restoration, segmentation

from opsin import ops, psf

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "quality.md"


def cases():
    """Name to (Opsin's call, the library's call, the library's name)."""
    rgb = np.ascontiguousarray(np.tile(data.astronaut(), (2, 2, 1)))
    gray = np.ascontiguousarray(np.tile(data.camera(), (2, 2)))
    deep = gray.astype(np.uint16) * 257
    unit = (gray / 255.0).astype(np.float32)
    color = (rgb / 255.0).astype(np.float32)
    small, part = unit[:512, :512], color[:256, :256]
    mask = gray > 100
    bits = mask.view(np.uint8)
    other = np.ascontiguousarray(np.tile(data.coffee(), (2, 2, 1))[:700, :900])
    kernel = np.random.default_rng(0).normal(0, 0.2, (7, 7))
    blur = psf.motion(9, 30)
    scratches = np.zeros(gray.shape, bool)
    scratches[::100, :900] = scratches[1::100, :900] = True
    seeds = np.zeros(gray.shape, np.int32)
    seeds[100::200, 100::200] = np.arange(1, 26).reshape(5, 5)
    disk = morphology.disk(3)
    hit, miss = np.array([[0, 1, 0], [0, 1, 1], [0, 0, 0]]), np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]])
    frames = [np.roll(rgb, k, 1) for k in range(8)]
    box = (200, 200, 800, 800)

    def grabcut():
        cv2.setRNGSeed(0)
        state = np.zeros(rgb.shape[:2], np.uint8)
        fits = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(rgb, state, (200, 200, 600, 600), *fits, 1, cv2.GC_INIT_WITH_RECT)

    def sobel_by_opencv():
        x, y = cv2.Sobel(unit, cv2.CV_32F, 1, 0), cv2.Sobel(unit, cv2.CV_32F, 0, 1)
        return cv2.magnitude(x, y)

    def mean():
        total = np.zeros(rgb.shape)
        for frame in frames:
            total += frame
        return np.rint(total / len(frames)).astype(np.uint8)

    def pixels():
        return cv2.resize(cv2.resize(rgb, (64, 64)), (1024, 1024), interpolation=cv2.INTER_NEAREST)

    def blurred(plane):
        return signal.fftconvolve(
            np.pad(plane, [(n // 2, n - 1 - n // 2) for n in blur.shape], "reflect"), blur, "valid"
        )

    cv, sk, sp = "OpenCV", "scikit-image", "SciPy"
    square = "square"
    return {
        "convolve, 7 x 7": (lambda: ops.convolve(rgb, kernel=kernel), lambda: cv2.filter2D(rgb, -1, kernel), cv),
        "convolve, 7 x 7, uint16": (
            lambda: ops.convolve(deep, kernel=kernel),
            lambda: cv2.filter2D(deep, -1, kernel),
            cv,
        ),
        "bilateral_filter": (
            lambda: ops.bilateral_filter(rgb, sigma_color=0.1, sigma_space=3),
            lambda: cv2.bilateralFilter(rgb, -1, 25.5, 3),
            cv,
        ),
        "bilateral_filter, float32": (
            lambda: ops.bilateral_filter(color, sigma_color=0.1, sigma_space=3),
            lambda: cv2.bilateralFilter(color, -1, 0.1, 3),
            cv,
        ),
        "median_blur": (lambda: ops.median_blur(rgb, radius=2), lambda: cv2.medianBlur(rgb, 5), cv),
        "gaussian_blur": (lambda: ops.gaussian_blur(rgb, sigma=2), lambda: cv2.GaussianBlur(rgb, (0, 0), 2), cv),
        "nl_means, 0.25 MP": (
            lambda: ops.nl_means(small, std=0.1),
            lambda: restoration.denoise_nl_means(small, 5, 6, h=0.08, sigma=0.1, fast_mode=True),
            sk,
        ),
        "tv_denoise": (
            lambda: ops.tv_denoise(unit, weight=0.1),
            lambda: restoration.denoise_tv_chambolle(unit, weight=0.1),
            sk,
        ),
        "wavelet_denoise": (
            lambda: ops.wavelet_denoise(unit),
            lambda: restoration.denoise_wavelet(unit, rescale_sigma=True),
            sk,
        ),
        "match_histogram": (
            lambda: ops.match_histogram(rgb, other),
            lambda: exposure.match_histograms(rgb, other, channel_axis=-1),
            sk,
        ),
        "pixelate": (lambda: ops.pixelate(rgb, size=16), pixels, cv),
        "long_exposure, mean of 8": (lambda: ops.long_exposure(frames), mean, "NumPy"),
        "degrade": (
            lambda: ops.degrade(gray, psf=blur),
            lambda: np.rint(np.clip(blurred(gray / 255.0), 0, 1) * 255).astype(np.uint8),
            sp + ", fftconvolve",
        ),
        "wiener": (
            lambda: ops.wiener(gray, psf=blur, balance=0.01),
            lambda: restoration.wiener(gray / 255.0, blur, 0.01),
            sk,
        ),
        "unsupervised_wiener": (
            lambda: ops.unsupervised_wiener(unit, psf=blur),
            lambda: restoration.unsupervised_wiener(unit.astype(float), blur, rng=0),
            sk,
        ),
        "richardson_lucy, 10 iterations": (
            lambda: ops.richardson_lucy(gray, psf=blur, iterations=10),
            lambda: restoration.richardson_lucy(gray / 255.0, blur, num_iter=10),
            sk,
        ),
        "inpaint, telea": (
            lambda: ops.inpaint(rgb, scratches),
            lambda: cv2.inpaint(rgb, scratches.astype(np.uint8), 3, cv2.INPAINT_TELEA),
            cv,
        ),
        "inpaint, navier_stokes": (
            lambda: ops.inpaint(gray, scratches, method="navier_stokes"),
            lambda: cv2.inpaint(gray, scratches.astype(np.uint8), 3, cv2.INPAINT_NS),
            cv,
        ),
        "inpaint, biharmonic, 0.07 MP": (
            lambda: ops.inpaint(part, scratches[:256, :256], method="biharmonic"),
            lambda: restoration.inpaint_biharmonic(
                part, scratches[:256, :256], split_into_regions=True, channel_axis=-1
            ),
            sk,
        ),
        "seamless_clone, 0.25 MP": (
            lambda: ops.seamless_clone(rgb, rgb[:512, 300:812], mask[:512, 300:812], left=200, top=300),
            lambda: cv2.seamlessClone(
                np.ascontiguousarray(rgb[:512, 300:812]), rgb, bits[:512, 300:812] * 255, (456, 556), cv2.NORMAL_CLONE
            ),
            cv,
        ),
        "sobel, float32": (lambda: ops.sobel(unit), sobel_by_opencv, cv),
        "sobel": (lambda: ops.sobel(gray), lambda: filters.sobel(gray), sk),
        "scharr": (lambda: ops.scharr(gray), lambda: filters.scharr(gray), sk),
        "canny": (
            lambda: ops.canny(gray),
            lambda: feature.canny(gray / 255.0, low_threshold=0.1, high_threshold=0.2),
            sk,
        ),
        "marr_hildreth": (
            lambda: ops.marr_hildreth(unit, sigma=2),
            lambda: ndimage.gaussian_laplace(unit.astype(float), 2),
            sp + ", without crossings",
        ),
        "difference_of_gaussians": (
            lambda: ops.difference_of_gaussians(unit, sigma=1),
            lambda: filters.difference_of_gaussians(unit, 1, 1.6),
            sk,
        ),
        "erode, disk 3": (lambda: ops.erode(gray, radius=3), lambda: cv2.erode(gray, disk), cv),
        "opening, square 3": (
            lambda: ops.opening(rgb, footprint=square, radius=3),
            lambda: cv2.morphologyEx(rgb, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)),
            cv,
        ),
        "dilate, a mask": (lambda: ops.dilate(mask, radius=3), lambda: cv2.dilate(bits, disk), cv),
        "distance_transform": (lambda: ops.distance_transform(mask), lambda: ndimage.distance_transform_edt(mask), sp),
        "distance_transform, taxicab": (
            lambda: ops.distance_transform(mask, metric="taxicab"),
            lambda: ndimage.distance_transform_cdt(mask, "taxicab"),
            sp,
        ),
        "label_regions": (lambda: ops.label_regions(mask), lambda: ndimage.label(mask, np.ones((3, 3))), sp),
        "hit_or_miss": (
            lambda: ops.hit_or_miss(mask, hit=hit, miss=miss),
            lambda: ndimage.binary_hit_or_miss(mask, hit, miss),
            sp,
        ),
        "skeletonize": (lambda: ops.skeletonize(mask), lambda: morphology.skeletonize(mask), sk),
        **{
            f"threshold, {name}": (
                lambda name=name: ops.threshold(gray, method=name),
                lambda name=name, words=words: gray > getattr(filters, words)(gray),
                sk,
            )
            for name, words in {
                "otsu": "threshold_otsu",
                "ridler_calvard": "threshold_isodata",
                "li": "threshold_li",
                "yen": "threshold_yen",
                "triangle": "threshold_triangle",
            }.items()
        },
        "threshold, li, float32": (
            lambda: ops.threshold(unit, method="li"),
            lambda: unit > filters.threshold_li(unit),
            sk,
        ),
        "threshold, multi_otsu": (
            lambda: ops.threshold(gray, method="multi_otsu", classes=4),
            lambda: np.digitize(gray, filters.threshold_multiotsu(gray, 4)),
            sk,
        ),
        "threshold, adaptive": (
            lambda: ops.threshold(gray, method="adaptive"),
            lambda: gray > filters.threshold_local(gray, 15),
            sk,
        ),
        "threshold, sauvola": (
            lambda: ops.threshold(gray, method="sauvola"),
            lambda: gray > filters.threshold_sauvola(gray, 15, r=128),
            sk,
        ),
        "watershed, markers given": (
            lambda: ops.watershed(gray, seeds, source="gradient"),
            lambda: segmentation.watershed(filters.sobel(gray), seeds),
            sk,
        ),
        "random_walker, 0.25 MP": (
            lambda: ops.random_walker(small, seeds[:512, :512]),
            lambda: segmentation.random_walker(small, seeds[:512, :512], mode="cg_j"),
            sk,
        ),
        "slic": (
            lambda: ops.slic(rgb, regions=400, compactness=10),
            lambda: segmentation.slic(rgb, 400, 10, start_label=1),
            sk,
        ),
        "grabcut": (lambda: ops.grabcut(rgb, box, iterations=1), grabcut, cv),
        "lbp, 8 points": (
            lambda: ops.lbp(gray),
            lambda: feature.local_binary_pattern(gray, 8, 1, "uniform"),
            sk,
        ),
        "lbp, 24 points, 64 x 64": (
            lambda: ops.lbp(gray[:64, :64], points=24, radius=3),
            lambda: feature.local_binary_pattern(gray[:64, :64], 24, 3, "uniform"),
            sk,
        ),
        "hog": (
            lambda: ops.hog(gray),
            lambda: feature.hog(gray, 9, (8, 8), (2, 2)),
            sk,
        ),
    }


OWN = {
    "mrf_denoise, icm, 1 MP": (2.0, lambda g: ops.mrf_denoise(np.tile(g, (2, 2)), coupling=1.0, field=2.1)),
    "dictionary_denoise, 512 x 512": (20.0, lambda g: ops.dictionary_denoise(g, std=0.1)),
    "bm3d, 512 x 512": (10.0, lambda g: ops.bm3d(g, std=0.1)),
}


def clock(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="techniques; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    words = parser.parse_args()
    cv2.setNumThreads(1)
    lines = ["| technique, 1 MP | library | its ms | Opsin's ms | ratio |", "|---|---|---:|---:|---:|"]
    for name, (ours, theirs, library) in cases().items():
        if words.names and name.split(",")[0] not in words.names:
            continue
        ours(), theirs()
        pairs = [(clock(ours), clock(theirs)) for _ in range(words.rounds)]
        a, b = (1000.0 * statistics.median(column) for column in zip(*pairs, strict=True))
        title, _, rest = name.partition(",")
        lines.append(f"| `{title}`{',' + rest if rest else ''} | {library} | {b:.1f} | {a:.1f} | {a / b:.2f} |")
        print(lines[-1], flush=True)
    noisy = np.clip(data.camera() + np.random.default_rng(0).normal(0, 25, (512, 512)), 0, 255).astype(np.uint8)
    for name, (limit, run) in OWN.items():
        if not words.names or name.split(",")[0] in words.names:
            title, _, rest = name.partition(",")
            seconds = clock(lambda run=run: run(noisy))
            lines.append(f"| `{title}`,{rest} | own code | at most {1000 * limit:.0f} | {1000 * seconds:.0f} | |")
            print(lines[-1], flush=True)
    if words.write:
        text = PAGE.read_text(encoding="utf-8")
        between = re.compile(r"(<!-- speed -->\n).*?(<!-- end -->)", re.DOTALL)
        PAGE.write_text(between.sub(lambda m: m[1] + "\n".join(lines) + "\n" + m[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
