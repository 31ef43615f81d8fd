"""The demonstration: real photographs that come inside installed packages, annotated by hand here.

The photographs are those of scikit-image and scikit-learn (their licenses are stated in those packages); nothing is
copied into this repository but the annotations below.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from opsin.errors import MissingExtra

__all__ = ["KEYPOINTS", "PHOTOGRAPHS", "PIPELINE", "photograph", "write_source"]

CLASSES = (
    "person",
    "cat",
    "cup",
    "saucer",
    "spoon",
    "rocket",
    "motorcycle",
    "pavilion",
    "flower",
    "camera",
    "tripod",
    "helmet",
)
KEYPOINTS = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")
_EDGES = ((0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4))

# (package, file below it): objects as (class, box x1 y1 x2 y2, outline or None, key points x y v or None)
PHOTOGRAPHS: dict[tuple[str, str], list[tuple[str, tuple[int, ...], list[int] | None, list[int] | None]]] = {
    ("skimage", "data/astronaut.png"): [
        ("person", (20, 13, 372, 512), None, [203, 101, 2, 246, 103, 2, 222, 124, 2, 204, 140, 2, 244, 141, 2]),
        ("helmet", (275, 343, 512, 512), None, None),
        ("rocket", (352, 0, 472, 290), None, None),
    ],
    ("skimage", "data/chelsea.png"): [
        ("cat", (4, 0, 385, 300), None, [177, 109, 2, 323, 134, 2, 266, 240, 2, 0, 0, 0, 0, 0, 0]),
    ],
    ("skimage", "data/coffee.png"): [
        ("cup", (172, 17, 410, 310), None, None),
        ("saucer", (76, 88, 480, 390), None, None),
        ("spoon", (318, 66, 425, 326), None, None),
    ],
    ("skimage", "data/rocket.jpg"): [
        (
            "rocket",
            (308, 126, 338, 410),
            [322, 126, 331, 140, 333, 180, 335, 405, 338, 410, 309, 410, 311, 405, 312, 180, 313, 140],
            None,
        ),
    ],
    ("skimage", "data/motorcycle_left.png"): [("motorcycle", (93, 74, 684, 452), None, None)],
    ("skimage", "data/camera.png"): [
        ("person", (0, 61, 333, 512), None, None),
        ("camera", (257, 136, 328, 190), None, None),
        ("tripod", (230, 195, 410, 512), None, None),
    ],
    ("sklearn", "datasets/images/china.jpg"): [("pavilion", (62, 29, 373, 427), None, None)],
    ("sklearn", "datasets/images/flower.jpg"): [
        (
            "flower",
            (169, 84, 447, 360),
            [
                310,
                84,
                370,
                97,
                420,
                140,
                446,
                205,
                444,
                250,
                410,
                320,
                355,
                355,
                300,
                360,
                240,
                345,
                190,
                300,
                169,
                225,
                185,
                150,
                245,
                98,
            ],
            None,
        ),
        ("flower", (287, 374, 471, 427), None, None),
    ],
}

PIPELINE = """\
opsin: 1
seed: 7
steps:
  - letterbox: {width: 320, height: 320}
  - augment:
      - rotate: {angle: {uniform: [-12, 12]}, fill: 0.447}
      - flip_horizontal: {}
        p: 0.5
      - random_resized_crop: {width: 320, height: 320, area: [0.6, 1.0]}
      - one_of:
          - gamma: {gamma: {log_uniform: [0.6, 1.6]}}
          - color_jitter: {brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.05}
      - gaussian_blur: {sigma: {uniform: [0.3, 1.2]}}
        p: 0.3
      - gaussian_noise: {std: {uniform: [0.005, 0.03]}}
        p: 0.3
"""


def photograph(package: str, file: str) -> Path:
    """Find a photograph inside an installed package.

    Raises:
        MissingExtra: the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        name = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[package]
        raise MissingExtra("opsin demo", name, "cv")
    return Path(spec.submodule_search_locations[0]) / file


def write_source(folder: Path) -> Path:
    """Lay the photographs and their annotations out as a COCO data set, as people have them.

    The files keep their bytes. One broken file is added, so that the report shows what becomes of it.
    """
    from opsin.io import read_bytes, write_bytes

    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, ((package, file), objects) in enumerate(PHOTOGRAPHS.items(), start=1):
        path = photograph(package, file)
        data = read_bytes(path).data
        write_bytes(folder / "images" / path.name, data)
        width, height = _size(data)
        images.append({"id": number, "file_name": path.name, "width": width, "height": height})
        for name, (x1, y1, x2, y2), outline, points in objects:
            annotations.append(_annotation(len(annotations) + 1, number, name, (x1, y1, x2, y2), outline, points))
    whole = read_bytes(photograph("skimage", "data/rocket.jpg")).data
    write_bytes(folder / "images" / "cut_short.jpg", whole[: len(whole) // 3])
    images.append({"id": len(images) + 1, "file_name": "cut_short.jpg", "width": 640, "height": 427})
    categories: list[dict[str, Any]] = []
    for number, name in enumerate(CLASSES, start=1):
        category: dict[str, Any] = {"id": number, "name": name}
        if name in ("person", "cat"):
            category["keypoints"] = list(KEYPOINTS)
            category["skeleton"] = [[a + 1, b + 1] for a, b in _EDGES]
        categories.append(category)
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories}, indent=1)
    write_bytes(folder / "annotations.json", text.encode())
    return folder


def _size(data: bytes) -> tuple[int, int]:
    from opsin.io import header

    found = header(data)
    return found.width, found.height


def _annotation(
    number: int, image: int, name: str, box: tuple[int, ...], outline: list[int] | None, points: list[int] | None
) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    out: dict[str, Any] = {
        "id": number,
        "image_id": image,
        "category_id": CLASSES.index(name) + 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "iscrowd": 0,
    }
    if outline is not None:
        out["segmentation"] = [outline]
    if points is not None:
        out["keypoints"] = points
        out["num_keypoints"] = sum(1 for v in points[2::3] if v)
    return out
