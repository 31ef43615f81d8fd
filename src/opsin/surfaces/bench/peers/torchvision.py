"""torchvision v2, on tensors and on Pillow's images."""

from __future__ import annotations

import io
from typing import Any

from opsin.surfaces.bench.peers.common import BOXES, MEAN, STD, Work

__all__ = ["pictures", "tensors"]


def _steps(name: str) -> Any:
    import torch
    from torchvision.transforms import v2
    from torchvision.transforms.v2 import functional as F

    torch.set_num_threads(1)
    smooth = v2.InterpolationMode.BILINEAR
    floats = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    ending = [*floats, v2.Normalize(MEAN.tolist(), STD.tolist())]
    cut = [v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()]

    def square(*given: Any) -> Any:
        """Pad below and beside to 640, after the longer side has become 640."""
        h, w = F.get_size(given[0])
        left, top = (640 - w) // 2, (640 - h) // 2
        return tuple(F.pad(g, [left, top, 640 - w - left, 640 - h - top], fill=114) for g in given)

    jitter = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    steps: dict[str, list[Any]] = {
        "P1": [v2.Resize(256, antialias=True), v2.CenterCrop(224), *ending],
        "P2": [*cut, v2.ColorJitter(**jitter), *ending],
        "P3": [
            v2.RandomRotation(15, smooth),
            v2.RandomAffine(5, scale=(0.9, 1.1), shear=5, interpolation=smooth),
            v2.RandomPerspective(0.2, p=1.0),
            *cut,
            *ending,
        ],
        "P4": [
            v2.ColorJitter(brightness=0.3, contrast=0.3),
            v2.Lambda(lambda x: F.adjust_gamma(x, float(torch.empty(()).uniform_(0.7, 1.4)))),
            v2.ColorJitter(saturation=0.3),
            v2.RandomPosterize(6, p=1.0),
            v2.RandomSolarize(230, p=1.0),
            v2.RandomGrayscale(0.2),
            *ending,
        ],
        "P6": [
            v2.Resize(None, max_size=640, antialias=True),
            square,
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(5, translate=(0.1, 0.1), scale=(0.8, 1.2), interpolation=smooth, fill=114),
            v2.ColorJitter(brightness=0.3, saturation=0.5, hue=0.02),
            *floats,
        ],
    }
    steps["P5"] = steps["P1"]
    return v2.Compose(steps[name])


def _boxed(steps: Any, image: Any, w: int, h: int) -> Any:
    import torch
    from torchvision import tv_tensors

    boxes = tv_tensors.BoundingBoxes(torch.from_numpy(BOXES), format="XYXY", canvas_size=(h, w))
    return steps(image, boxes)[0]


def tensors(name: str) -> Work | None:
    """Give the work of a pipeline on tensors, decoded by torchvision itself."""
    import torch
    from torchvision import tv_tensors
    from torchvision.io import decode_jpeg

    steps = _steps(name)
    if name == "P4":
        return lambda image, key: steps(torch.from_numpy(image).permute(2, 0, 1)).contiguous()

    def work(data: bytes, key: int) -> Any:
        image = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        if name == "P6":
            return _boxed(steps, tv_tensors.Image(image), image.shape[2], image.shape[1])
        return steps(image).contiguous()

    return work


def pictures(name: str) -> Work | None:
    """Give the work of a pipeline on Pillow's images."""
    from PIL import Image

    steps = _steps(name)
    if name == "P4":
        return lambda image, key: steps(Image.fromarray(image)).contiguous()

    def work(data: bytes, key: int) -> Any:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return (_boxed(steps, image, *image.size) if name == "P6" else steps(image)).contiguous()

    return work
