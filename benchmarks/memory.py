"""Measure peak memory and processor time of enhancing, restoring and unmixing 12 MP (4000 x 3000 RGB, uint8).

    python benchmarks/memory.py [NAME ...] [--write]     # puts the table into docs/guide/quality.md

Every technique runs in a process of its own; what importing and the picture itself take (36 MB) is taken off.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "quality.md"

CALLS = {
    "convolve": "ops.convolve(image, kernel=np.ones((5, 5)) / 25)",
    "bilateral_filter": "ops.bilateral_filter(image, sigma_color=0.1, sigma_space=3)",
    "anisotropic_diffusion": "ops.anisotropic_diffusion(image, iterations=10, kappa=0.1)",
    "nl_means": "ops.nl_means(image, std=0.1)",
    "tv_denoise": "ops.tv_denoise(image, weight=0.1)",
    "wavelet_denoise": "ops.wavelet_denoise(image, std=0.1)",
    "dictionary_denoise": "ops.dictionary_denoise(image, std=0.1)",
    "bm3d": "ops.bm3d(image, std=0.1)",
    "mrf_denoise": "ops.mrf_denoise(image[..., 0].copy(), coupling=1.0, field=2.1)",
    "mrf_denoise, graph_cut": "ops.mrf_denoise(image[..., 0].copy(), method='graph_cut', coupling=1.0, field=2.1)",
    "match_histogram": "ops.match_histogram(image, image[::-1])",
    "seamless_clone, 1 MP part": "ops.seamless_clone(image, image[:1000, :1000].copy(), mask, left=900, top=900)",
    "inpaint, telea": "ops.inpaint(image, lines)",
    "inpaint, biharmonic": "ops.inpaint(image, lines, method='biharmonic')",
    "inpaint, tv": "ops.inpaint(image, lines, method='tv')",
    "inpaint, dictionary": "ops.inpaint(image, lines, method='dictionary')",
    "degrade": "ops.degrade(image, psf=psf.motion(15, 30))",
    "wiener": "ops.wiener(image, psf=psf.motion(15, 30), balance=0.01)",
    "wiener, border='reflect'": "ops.wiener(image, psf=psf.motion(15, 30), balance=0.01, border='reflect')",
    "richardson_lucy, 10 iterations": "ops.richardson_lucy(image, psf=psf.motion(15, 30), iterations=10)",
    "cartoon": "ops.cartoon(image)",
    "sketch, dodge": "ops.sketch(image)",
    "pixelate": "ops.pixelate(image, size=16)",
    "long_exposure, mean of 20": "ops.long_exposure(image for _ in range(20))",
    "hide, 100 kB": "ops.hide(image, np.arange(50000, dtype=np.uint16).tobytes())",
    "ica": "ops.ica(image, components=3)",
    "whiten": "ops.whiten(image)",
}

CHILD = """
import json, resource, sys, time
import cv2, numpy as np, scipy.fft, scipy.sparse.csgraph, skimage.restoration, sklearn.decomposition, pywt
from skimage import data
from opsin import ops, psf
cv2.setNumThreads(1)
image = np.ascontiguousarray(np.tile(data.astronaut(), (6, 8, 1))[:3000, :4000])
lines = np.zeros((3000, 4000), bool); lines[::200, :3000] = True
mask = np.zeros((1000, 1000), bool); mask[20:980, 20:980] = True
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
eval(sys.argv[1])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([(after - before) / 1024, time.process_time() - start]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="techniques; all by default")
    parser.add_argument("--write", action="store_true")
    words = parser.parse_args()
    lines = ["| technique | peak memory, MB | seconds, one core |", "|---|---:|---:|"]
    for name, call in CALLS.items():
        if words.names and name.split(",")[0] not in words.names:
            continue
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD, call], capture_output=True, check=True)
        memory, seconds = json.loads(done.stdout)
        title, _, rest = name.partition(",")
        lines.append(f"| `{title}`{',' + rest if rest else ''} | {memory:.0f} | {seconds:.1f} |")
        print(lines[-1], flush=True)
    if words.write:
        text = PAGE.read_text(encoding="utf-8")
        between = re.compile(r"(<!-- memory -->\n).*?(<!-- end -->)", re.DOTALL)
        PAGE.write_text(between.sub(lambda m: m[1] + "\n".join(lines) + "\n" + m[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
