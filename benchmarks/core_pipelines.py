"""Time whole pipelines in the core against hand-written OpenCV and against libjpeg-turbo merely decoding.

    python benchmarks/core_pipelines.py [--rounds 7] [P1 P2 ...]

P1 decode 500 x 375, shorter side 256, center crop 224, normalize, channels first. P2 decode, random resized crop,
flip, brightness, contrast, saturation, hue, normalize. P3 decode, rotate, affine, perspective, random resized crop,
flip, normalize. P4 (in memory) brightness, contrast, gamma, saturation, posterize, solarize, gray p 0.2, normalize.
P5 is P1 on 12 megapixels. P6 decode, letterbox 640, flip, affine, hue, saturation, brightness, channels first.

"expert OpenCV" composes matrices and tables, decodes with simplejpeg where that is installed, and draws nothing (its
parameters are fixed, and of a usual size); the core draws. One thread; contenders take turns. The floor is one decode
by libjpeg-turbo and one write of the output.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from core_common import Task, has, interleaved, large_files, quiet_opencv, small_files, table
from numpy.typing import NDArray

from opsin import Pipeline, augment, choice, ops, step, uniform
from opsin.chance import key_word
from opsin.kernels import native
from opsin.pipeline.program import program_text

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
END = (step(ops.normalize, mean="imagenet", std="imagenet"), step(ops.to_tensor))

P1 = Pipeline(step(ops.resize_shorter, size=256), step(ops.center_crop, width=224, height=224), *END, decode="fast")
P2 = Pipeline(
    augment(
        step(ops.random_resized_crop, width=224, height=224),
        step(ops.flip_horizontal).sometimes(0.5),
        step(ops.brightness, factor=uniform(0.6, 1.4)),
        step(ops.contrast, factor=uniform(0.6, 1.4)),
        step(ops.saturation, factor=uniform(0.6, 1.4)),
        step(ops.hue, shift=uniform(-0.1, 0.1)),
    ),
    *END,
    decode="fast",
)
P3 = Pipeline(
    augment(
        step(ops.rotate, angle=uniform(-15, 15)),
        step(ops.affine, scale=uniform(0.9, 1.1), shear=uniform(-5, 5), x=uniform(-0.1, 0.1)),
        step(ops.perspective, distortion=0.2),
        step(ops.random_resized_crop, width=224, height=224),
        step(ops.flip_horizontal).sometimes(0.5),
    ),
    *END,
    decode="fast",
)
P4 = Pipeline(
    augment(
        step(ops.brightness, factor=uniform(0.6, 1.4)),
        step(ops.contrast, factor=uniform(0.6, 1.4)),
        step(ops.gamma, gamma=uniform(0.7, 1.4)),
        step(ops.saturation, factor=uniform(0.5, 1.5)),
        step(ops.posterize, bits=choice(4, 5, 6)),
        step(ops.solarize, threshold=uniform(0.5, 1)),
        step(ops.to_gray, channels=3).sometimes(0.2),
    ),
    *END,
)
P6 = Pipeline(
    augment(
        step(ops.letterbox, width=640, height=640),
        step(ops.flip_horizontal).sometimes(0.5),
        step(ops.affine, angle=uniform(-10, 10), scale=uniform(0.8, 1.2), x=uniform(-0.1, 0.1)),
        step(ops.hue, shift=uniform(-0.05, 0.05)),
        step(ops.saturation, factor=uniform(0.5, 1.5)),
        step(ops.brightness, factor=uniform(0.6, 1.4)),
    ),
    step(ops.to_tensor),
    decode="fast",
)


def core(pipeline: Pipeline, sources: Sequence[Any], batch: int = 8, threads: int = 1, **options: Any) -> Task:
    settings = {"decode": pipeline.decode, "frames": pipeline.frames, **options}
    program = native.Program(program_text(pipeline.steps, pipeline.ids, 0, training=True, options=settings))
    at = [(0, 0, key_word(k)) for k in range(len(sources))]
    outcome = program.outcome(sources[0], at[0])
    out = np.zeros((batch, *outcome.shape), outcome.dtype)

    def task() -> None:
        for k in range(0, len(sources), batch):
            part = sources[k : k + batch]
            errors, _ = program.run(part, at[k : k + batch], out[: len(part)], threads=threads)
            assert not errors, errors

    return task


def public(pipeline: Pipeline, sources: Sequence[Any], batch: int = 8) -> Task:
    def task() -> None:
        for k in range(0, len(sources), batch):
            pipeline.batch(
                sources[k : k + batch], keys=list(range(k, k + batch)[: len(sources) - k]), mode="train", threads=1
            )

    return task


def expert(name: str, sources: Sequence[Any]) -> Task | None:
    """What somebody who knows OpenCV well would write; every step once, matrices and tables composed."""
    if not has("cv2"):
        return None
    cv2 = quiet_opencv()
    if has("simplejpeg"):
        import simplejpeg

        def decode(data: bytes, side: int = 0) -> NDArray[np.uint8]:
            return simplejpeg.decode_jpeg(data, min_height=side, min_width=side)
    else:

        def decode(data: bytes, side: int = 0) -> NDArray[np.uint8]:
            flag = cv2.IMREAD_COLOR_RGB if side == 0 else cv2.IMREAD_REDUCED_COLOR_8
            return cv2.imdecode(np.frombuffer(data, np.uint8), flag)

    def finish(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = cv2.split(image)
        out = np.empty((3, *image.shape[:2]), np.float32)
        for c in range(3):
            cv2.multiply(planes[c], float(1 / 255 / STD[c]), out[c], dtype=cv2.CV_32F)
            cv2.subtract(out[c], float(MEAN[c] / STD[c]), out[c])
        return out

    def jitter(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # brightness is part of the table; contrast needs the mean, saturation the gray, hue HSV
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        mean = cv2.mean(gray)[0] * 1.1
        levels = np.clip(np.clip(np.arange(256) * 1.1, 0, 255) * 0.9 + mean * 0.1, 0, 255).astype(np.uint8)
        image = cv2.LUT(image, levels)
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.addWeighted(image, 1.2, gray, -0.2, 0)
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        turned = ((np.arange(256) + 9) % 180).astype(np.uint8)
        hsv[..., 0] = cv2.LUT(np.ascontiguousarray(hsv[..., 0]), turned)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    def warp(image: NDArray[np.uint8], width: int, height: int, scale: float, tilt: float) -> NDArray[np.uint8]:
        h, w = image.shape[:2]
        turn = np.vstack([cv2.getRotationMatrix2D((w / 2, h / 2), 10, scale), [0, 0, 1]])
        turn[2] = [tilt, tilt, 1]
        fit = np.diag([width / w, height / h, 1.0])
        if tilt:
            return cv2.warpPerspective(image, fit @ turn, (width, height))
        return cv2.warpAffine(image, (fit @ turn)[:2], (width, height))

    def p1(data: bytes, side: int = 0) -> NDArray[np.float32]:
        image = decode(data, side)
        h, w = image.shape[:2]
        s = 256 / min(h, w)
        small = cv2.resize(image, (round(w * s), round(h * s)), interpolation=cv2.INTER_AREA)
        top, left = (small.shape[0] - 224) // 2, (small.shape[1] - 224) // 2
        return finish(small[top : top + 224, left : left + 224])

    def p2(data: bytes) -> NDArray[np.float32]:
        image = decode(data)[40:300, 60:380]
        small = cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA)
        return finish(jitter(cv2.flip(small, 1)))

    def p3(data: bytes) -> NDArray[np.float32]:
        return finish(warp(decode(data), 224, 224, 1.3, 1e-4))

    def p4(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        mean = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0] * 1.1
        x = np.clip(np.clip(np.arange(256) * 1.1, 0, 255) * 0.9 + mean * 0.1, 0, 255)
        image = cv2.LUT(image, (255 * (x / 255) ** 1.1).astype(np.uint8))
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.addWeighted(image, 1.2, gray, -0.2, 0)
        v = np.arange(256) & 0xF0
        return finish(cv2.LUT(image, np.where(v >= 180, 255 - v, v).astype(np.uint8)))

    def p6(data: bytes) -> NDArray[np.float32]:
        image = jitter(warp(decode(data), 640, 640, 1.0, 0.0))
        out = np.empty((3, 640, 640), np.float32)
        for c, plane in enumerate(cv2.split(image)):
            cv2.multiply(plane, 1 / 255, out[c], dtype=cv2.CV_32F)
        return out

    run: Any = {"P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": lambda data: p1(data, 256), "P6": p6}[name]
    return lambda: [run(source) for source in sources]


def floor(sources: Sequence[Any], shape: tuple[int, ...]) -> Task | None:
    """libjpeg-turbo's decode and one write; for pictures in memory the write alone."""
    out = np.empty(shape, np.float32)
    if isinstance(sources[0], np.ndarray):
        return lambda: [out.fill(1.0) for _ in sources]
    if not has("simplejpeg"):
        return None
    import simplejpeg

    return lambda: [(simplejpeg.decode_jpeg(data), out.fill(1.0)) for data in sources]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["P1", "P2", "P3", "P4", "P5", "P6"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu", action="store_true", help="count processor time: for machines that do other work too")
    options = parser.parse_args()
    print(f"instruction set: {native.simd_level()}\n")
    files = small_files()
    arrays = [native.decode_jpeg(d) for d in files]
    for name in options.names:
        pipeline = {"P1": P1, "P2": P2, "P3": P3, "P4": P4, "P5": P1, "P6": P6}[name]
        sources: Sequence[Any] = arrays if name == "P4" else large_files() if name == "P5" else files
        shape = {"P4": (3, 375, 500), "P6": (3, 640, 640)}.get(name, (3, 224, 224))
        tasks: dict[str, Task] = {"core": core(pipeline, sources)}
        if name != "P4":
            tasks["core, decode exact"] = core(pipeline.with_options(decode="exact"), sources)
        if name in ("P3", "P6"):
            tasks["core, frames open"] = core(pipeline.with_options(frames="open"), sources)
        if not options.cpu:
            tasks["core, two threads"] = core(pipeline, sources, threads=2)
        tasks["pipeline.batch"] = public(pipeline, sources)
        absent = []
        for label, task in (("expert OpenCV", expert(name, sources)), ("floor", floor(sources, shape))):
            if task is None:
                absent.append(label)
            else:
                tasks[label] = task
        base = "expert OpenCV" if "expert OpenCV" in tasks else "core"
        found = interleaved(tasks, options.rounds, 0.6 if name == "P5" else 0.3, options.cpu)
        print(table(name, found, base, len(sources), absent))


if __name__ == "__main__":
    main()
