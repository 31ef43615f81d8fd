"""Measure `ops.bm3d` against the published network DnCNN (sigma 25) with its own weights, on the same noisy pictures.

    OPSIN_DATA=... python benchmarks/bm3d_against_dncnn.py [--write]

DnCNN is a well-measured third: its paper gives its lead over the published BM3D (0.46 dB on Set12, 0.66 on BSD68), so
its lead over another BM3D says how near the two are. Needs weights/denoise_dncnn/dncnn_25.pth and restoration/kodak of
the folder of real files; the network runs in NumPy.
"""

import argparse
import os
import pickle
import re
from pathlib import Path

import numpy as np
from skimage import data

import opsin
from opsin import ops

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "quality.md"


class Legacy(pickle.Unpickler):
    """Reads the plain tensors of torch's old file form: nothing else is let in."""

    def __init__(self, file):
        super().__init__(file)
        self.tensors = []

    def find_class(self, module, name):
        if name == "_rebuild_tensor_v2" or name == "_rebuild_tensor":
            return lambda storage, offset, size, stride, *rest: (
                self.tensors.append((storage, offset, size)) or len(self.tensors) - 1
            )
        if name == "OrderedDict":
            return dict
        return name

    def persistent_load(self, key):
        return key[2]


def read_weights(path):
    with open(path, "rb") as file:
        for _ in range(3):
            Legacy(file).load()
        reader = Legacy(file)
        table = reader.load()
        stored = {}
        for key in Legacy(file).load():
            count = int(np.frombuffer(file.read(8), np.int64)[0])
            stored[key] = np.frombuffer(file.read(4 * count), np.float32)
    out = {}
    for name, index in table.items():
        storage, offset, size = reader.tensors[index]
        out[name] = stored[storage][offset : offset + int(np.prod(size))].reshape(size)
    return out


def dncnn(weights, image):
    x = image[None].astype(np.float32)
    names = sorted((n for n in weights if n.endswith("weight")), key=lambda n: int(n.split(".")[1]))
    for i, name in enumerate(names):
        w, bias = weights[name], weights[name.replace("weight", "bias")]
        channels, height, width = x.shape
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        out = np.repeat(bias[:, None], height * width, axis=1)
        for a in range(3):
            for b in range(3):
                part = np.ascontiguousarray(padded[:, a : a + height, b : b + width]).reshape(channels, -1)
                out += w[:, :, a, b] @ part
        x = (np.maximum(out, 0) if i < len(names) - 1 else out).reshape(-1, height, width)
    return image - x[0]


def pictures(folder):
    def gray(image, top, left):
        image = image if image.ndim == 2 else ops.to_gray(image)
        return np.asarray(image[top : top + 256, left : left + 256]) / 255.0

    found = {
        "camera": gray(data.camera(), 100, 120),
        "astronaut": gray(data.astronaut(), 0, 100),
        "coffee": gray(data.coffee(), 50, 150),
        "cat": gray(data.chelsea(), 20, 100),
        "rocket": gray(data.rocket(), 100, 200),
        "brick": gray(data.brick(), 0, 0),
        "motorcycle": gray(data.stereo_motorcycle()[0], 100, 200),
    }
    for path in sorted((folder / "restoration" / "kodak").glob("*.png")):
        found[path.stem] = gray(opsin.read(path), 128, 100)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    folder = Path(os.environ.get("OPSIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    weights = read_weights(folder / "weights" / "denoise_dncnn" / "dncnn_25.pth")
    lines, leads = ["| picture | DnCNN | `bm3d` | lead |", "|---|---:|---:|---:|"], []
    for name, clean in pictures(folder).items():
        noisy = (clean + opsin.Rng(0).normal(name, 0, 25 / 255, clean.shape)).astype(np.float32)
        scores = [
            -10 * np.log10(np.mean((np.clip(out, 0, 1) - clean) ** 2))
            for out in (dncnn(weights, noisy), ops.bm3d(noisy, std=25 / 255))
        ]
        leads.append(scores[0] - scores[1])
        lines.append(f"| {name} | {scores[0]:.2f} | {scores[1]:.2f} | {leads[-1]:+.2f} |")
    lines.append(f"| mean | | | {np.mean(leads):+.2f} |")
    print("\n".join(lines))
    if write:
        text = PAGE.read_text(encoding="utf-8")
        between = re.compile(r"(<!-- dncnn -->\n).*?(<!-- end -->)", re.DOTALL)
        PAGE.write_text(between.sub(lambda m: m[1] + "\n".join(lines) + "\n" + m[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
