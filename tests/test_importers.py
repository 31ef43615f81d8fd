"""Pipelines of other libraries: what is called exact gives the same picture, what is not says so."""

import json

import numpy as np
import pytest

from opsin import Pipeline
from opsin.errors import PipelineError
from opsin.importers import from_albumentations, from_huggingface, from_timm, from_torchvision

IMAGE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
CLIP = {
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"shortest_edge": 64},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 56, "width": 56},
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "do_normalize": True,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
}


def by_hand(image: np.ndarray, edge: int, crop: int, kernel: int, mean: list[float], std: list[float]) -> np.ndarray:
    from PIL import Image

    h, w = image.shape[:2]
    size = (edge, int(edge * h / w)) if w < h else (int(edge * w / h), edge)
    resized = np.asarray(Image.fromarray(image).resize(size, Image.Resampling(kernel)))
    top, left = (resized.shape[0] - crop) // 2, (resized.shape[1] - crop) // 2
    cut = resized[top : top + crop, left : left + crop] / 255
    return ((cut - mean) / std).transpose(2, 0, 1)


def test_huggingface_config_gives_the_processors_tensor() -> None:
    found = from_huggingface(json.dumps(CLIP))
    out = found.pipeline(IMAGE).image
    expected = by_hand(IMAGE, 64, 56, 3, CLIP["image_mean"], CLIP["image_std"])
    # one level of the resized picture, scaled by the deviation
    assert np.abs(out - expected).max() <= 1.01 / 255 / 0.26
    assert {n.step: n.verdict for n in found.notes}["do_center_crop"] == "exact"
    odd = from_huggingface({**CLIP, "rescale_factor": 0.5, "do_pad": True})
    assert {n.step for n in odd.notes if n.verdict == "left out"} == {"do_rescale", "do_pad"}


def test_timm_config_gives_the_eval_transform() -> None:
    config = {
        "input_size": (3, 48, 48),
        "crop_pct": 0.9,
        "interpolation": "bicubic",
        "mean": (0.5,) * 3,
        "std": (0.5,) * 3,
    }
    out = from_timm(config).pipeline(IMAGE).image
    expected = by_hand(IMAGE, int(48 / 0.9), 48, 3, [0.5] * 3, [0.5] * 3)
    assert np.abs(out - expected).max() <= 1.01 / 255 / 0.5
    with pytest.raises(PipelineError, match="interpolation must be one of"):
        from_timm({**config, "interpolation": "sinc"})


SERIALIZED = {
    "__version__": "2.0.8",
    "transform": {
        "__class_fullname__": "Compose",
        "p": 1.0,
        "transforms": [
            {"__class_fullname__": "Resize", "p": 1.0, "height": 64, "width": 80, "interpolation": 1},
            {"__class_fullname__": "HorizontalFlip", "p": 0.5},
            {"__class_fullname__": "Rotate", "p": 0.7, "limit": [-15.0, 15.0], "border_mode": 4, "fill": 0.0},
            {
                "__class_fullname__": "OneOf",
                "p": 0.3,
                "transforms": [
                    {"__class_fullname__": "Blur", "p": 0.5, "blur_limit": [3, 7]},
                    {"__class_fullname__": "GaussNoise", "p": 1.0, "std_range": [0.1, 0.2], "mean_range": [0.0, 0.0]},
                ],
            },
            {"__class_fullname__": "Morphological", "p": 0.5, "operation": "dilation", "scale": [2, 3]},
            {
                "__class_fullname__": "RandomBrightnessContrast",
                "p": 0.5,
                "brightness_limit": [-0.2, 0.2],
                "contrast_limit": [-0.2, 0.2],
            },
            {
                "__class_fullname__": "Normalize",
                "p": 1.0,
                "mean": [0.485, 0.456, 0.406],
                "std": [0.229, 0.224, 0.225],
                "max_pixel_value": 255.0,
            },
        ],
    },
}


def test_albumentations_is_read_and_every_step_is_accounted_for() -> None:
    found = from_albumentations(json.dumps(SERIALIZED), seed=3)
    verdicts = {n.step: n.verdict for n in found.notes}
    assert verdicts["HorizontalFlip"] == verdicts["OneOf"] == verdicts["Normalize"] == "exact"
    assert verdicts["RandomBrightnessContrast"] == verdicts["Rotate"] == "close"
    assert verdicts["Morphological"] == "left out"
    assert not found.exact
    out = found.pipeline(IMAGE, mode="train", key=0, epoch=0)
    assert out.image.shape == (64, 80, 3) and out.image.dtype == np.float32
    assert Pipeline.from_yaml(found.pipeline.to_yaml()) == found.pipeline
    with pytest.raises(PipelineError, match="a serialized pipeline"):
        from_albumentations({"hello": 1})


def test_exact_albumentations_steps_give_its_pictures() -> None:
    A = pytest.importorskip("albumentations", reason="albumentations is not installed")
    cases = [
        (A.HorizontalFlip(p=1), 0),
        (A.VerticalFlip(p=1), 0),
        (A.Transpose(p=1), 0),
        (A.Crop(3, 5, 60, 70), 0),
        (A.InvertImg(p=1), 0),
        (A.Posterize((5, 5), p=1), 0),
        (A.Solarize((0.5, 0.5), p=1), 0),
        (A.ToGray(p=1), 1),
        (A.ToSepia(p=1), 1),
        (A.RandomGamma((150, 150), p=1), 1),
        (A.Resize(64, 80), 2),
        (A.MedianBlur((5, 5), p=1), 0),
        (A.Blur((5, 5), p=1), 1),
        (A.ColorJitter((0.8, 0.8), (1, 1), (1, 1), (0, 0), p=1), 1),
        (A.ColorJitter((1, 1), (1.3, 1.3), (1, 1), (0, 0), p=1), 1),
        (A.ColorJitter((1, 1), (1, 1), (1.4, 1.4), (0, 0), p=1), 1),
        (A.RGBShift((20, 20), (-9, -9), (3, 3), p=1), 1),
    ]
    for transform, levels in cases:
        found = from_albumentations(A.to_dict(transform))
        theirs = A.Compose([transform])(image=IMAGE)["image"]
        ours = found.pipeline(IMAGE, mode="train", key=0, epoch=0).image
        worst = np.abs(ours.astype(int) - theirs.astype(int)).max()
        assert worst <= levels, f"{type(transform).__name__}: {worst} levels"
        assert all(n.verdict == "exact" for n in found.notes), found.notes


def test_exact_torchvision_steps_give_its_pictures() -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    import torch

    tensor = torch.from_numpy(IMAGE).permute(2, 0, 1)
    cases = [
        ([v2.Resize(64, antialias=True), v2.CenterCrop(56)], 1),
        ([v2.Resize((50, 70), antialias=True)], 1),
        ([v2.RandomHorizontalFlip(p=1.0)], 0),
        ([v2.RandomInvert(p=1.0)], 0),
        ([v2.RandomPosterize(4, p=1.0)], 0),
        ([v2.RandomSolarize(128, p=1.0)], 0),
        ([v2.RandomEqualize(p=1.0)], 1),
        ([v2.RandomAutocontrast(p=1.0)], 1),
        ([v2.Grayscale(3)], 1),
        ([v2.ColorJitter(brightness=(1.3, 1.3))], 1),
        ([v2.ColorJitter(contrast=(0.7, 0.7))], 1),
        ([v2.ColorJitter(saturation=(1.5, 1.5))], 1),
        ([v2.ColorJitter(hue=(0.1, 0.1))], 1),
        ([v2.Pad(7, padding_mode="reflect")], 0),
    ]
    for transforms, levels in cases:
        found = from_torchvision(v2.Compose(transforms))
        theirs = v2.Compose(transforms)(tensor).permute(1, 2, 0).numpy()
        ours = found.pipeline(IMAGE, mode="train", key=0, epoch=0).image
        worst = np.abs(ours.astype(int) - theirs.astype(int)).max()
        assert worst <= levels, f"{transforms}: {worst} levels"
        assert found.exact, found.notes


def test_convnext_crops_by_itself_and_odd_sizes_are_said() -> None:
    config = {"do_resize": True, "resample": 3, "crop_pct": 0.875, "image_processor_type": "ConvNextImageProcessor"}
    small = from_huggingface(config | {"size": {"shortest_edge": 224}})
    assert small.pipeline(IMAGE).image.shape == (3, 224, 224)
    assert "resize_shorter: {size: 256" in small.pipeline.to_yaml()
    assert from_huggingface(config | {"size": {"shortest_edge": 384}}).pipeline(IMAGE).image.shape == (3, 384, 384)
    odd = from_huggingface({"do_resize": True, "size": {"max_height": 100, "max_width": 120}})
    assert [n.verdict for n in odd.notes if n.step == "do_resize"] == ["left out"]


def test_uneven_ranges_of_a_color_jitter_are_kept() -> None:
    from opsin.importers.report import jitter

    assert jitter({"brightness": (0.6, 1.4), "hue": (-0.1, 0.1)})[1] == "exact"
    assert [*jitter({"brightness": (0.0, 2.5)})[0][0]] == ["color_jitter"]
    steps, verdict, says = jitter({"brightness": (1.1, 1.3), "contrast": (0.5, 1.5), "saturation": None})
    assert steps == [
        {"brightness": {"factor": {"uniform": [1.1, 1.3]}}},
        {"contrast": {"factor": {"uniform": [0.5, 1.5]}}},
    ]
    assert verdict == "close" and "order" in says
    assert jitter({"brightness": (1.2, 1.2), "hue": (0.0, 0.0)}) == ([{"brightness": {"factor": 1.2}}], "exact", "")


class Thing:
    """A transform that nobody knows."""


def test_unknown_transforms_are_named() -> None:
    found = from_torchvision([Thing()])
    assert [(n.step, n.verdict) for n in found.notes] == [("Thing", "left out")]


def test_albumentations_more_transforms_agree_in_pictures() -> None:
    albumentations = pytest.importorskip("albumentations")
    fixed = [
        albumentations.Pad(padding=(3, 7), fill=90, p=1.0),
        albumentations.Pad(padding=(1, 2, 3, 4), border_mode=4, p=1.0),
        albumentations.MultiplicativeNoise(multiplier=(0.7, 0.7), p=1.0),
    ]
    for transform in fixed:
        found = from_albumentations(transform)
        assert found.exact
        expected = transform(image=IMAGE)["image"]
        out = found.pipeline(IMAGE, mode="train", key=0, epoch=0).image
        assert out.shape == expected.shape and np.abs(out.astype(int) - expected).max() <= 1
    square = albumentations.D4(p=1.0)
    found = from_albumentations(square)
    seen = {found.pipeline(IMAGE, mode="train", key=k, epoch=0).image.tobytes() for k in range(80)}
    assert found.exact and seen == {square(image=IMAGE)["image"].tobytes() for _ in range(200)} and len(seen) == 8


def test_albumentations_more_transforms_are_near() -> None:
    albumentations = pytest.importorskip("albumentations")
    from skimage import data

    image = data.astronaut()[:256, :256]
    for transform in (
        albumentations.MultiplicativeNoise(multiplier=(0.6, 1.4), elementwise=True, per_channel=True, p=1.0),
        albumentations.GlassBlur(sigma=0.7, max_delta=3, iterations=1, p=1.0),
        albumentations.ZoomBlur(max_factor=(1.2, 1.2), p=1.0),
        albumentations.RandomToneCurve(scale=0.1, p=1.0),
        albumentations.RandomScale(scale_limit=(-0.2, -0.2), p=1.0),
    ):
        found = from_albumentations(transform)
        (note,) = found.notes
        assert note.verdict == "close" and note.says
        theirs = [transform(image=image)["image"] for _ in range(12)]
        ours = [found.pipeline(image, mode="train", key=k, epoch=0).image for k in range(12)]
        far = [np.mean([np.abs(x.mean() - image.mean()) for x in group]) for group in (theirs, ours)]
        assert abs(far[0] - far[1]) < 12, (note, far)
        assert abs(ours[0].shape[0] - theirs[0].shape[0]) <= 1


def test_torchvision_containers_and_more() -> None:
    torch = pytest.importorskip("torch")
    v2 = pytest.importorskip("torchvision.transforms.v2")
    tensor = torch.from_numpy(IMAGE).permute(2, 0, 1)
    for transform in (
        v2.RandomAdjustSharpness(2.5, p=1.0),
        v2.RandomAdjustSharpness(0.3, p=1.0),
        v2.JPEG(40),
        v2.Identity(),
        v2.RandomApply([v2.Pad(3), v2.RandomHorizontalFlip(1.0)], p=1.0),
    ):
        found = from_torchvision(transform)
        assert found.exact, found.notes
        out = found.pipeline(IMAGE, mode="train", key=0, epoch=0).image
        assert np.abs(out.astype(int) - transform(tensor).permute(1, 2, 0).numpy()).max() <= 1, transform
    found = from_torchvision(v2.RandomApply([v2.RandomHorizontalFlip(0.5)], p=0.5))
    same = [np.array_equal(found.pipeline(IMAGE, mode="train", key=k, epoch=0).image, IMAGE) for k in range(400)]
    assert found.exact and abs(np.mean(same) - 0.75) < 0.08
    found = from_torchvision(v2.RandomChoice([v2.RandomVerticalFlip(1.0), v2.Identity()]))
    same = [np.array_equal(found.pipeline(IMAGE, mode="train", key=k, epoch=0).image, IMAGE) for k in range(400)]
    assert found.exact and abs(np.mean(same) - 0.5) < 0.1
    found = from_torchvision(v2.RandomOrder([v2.RandomVerticalFlip(1.0), v2.RandomSolarize(128, p=1.0)]))
    assert found.exact
    found = from_torchvision(v2.RandomChannelPermutation())
    seen = {found.pipeline(IMAGE, mode="train", key=k, epoch=0).image.tobytes() for k in range(60)}
    assert len(seen) == 6
