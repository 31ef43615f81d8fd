"""Drawn pictures: any array becomes one, shapes stand where they belong, nothing is drawn in place."""

from __future__ import annotations

import numpy as np
import pytest

from opsin import Sample, Skeleton
from opsin.draw import (
    PALETTE,
    contact_sheet,
    displayable,
    draw_boxes,
    draw_labels,
    draw_mask,
    draw_points,
    draw_polygons,
    draw_sample,
    draw_text,
    enlarged,
)
from opsin.errors import ParamError

GRAY = np.full((120, 160, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("image", "pixel"),
    [
        (np.full((4, 5), 200, np.uint8), (200, 200, 200)),
        (np.full((4, 5, 1), 200, np.uint8), (200, 200, 200)),
        (np.full((4, 5, 3), 65535, np.uint16), (255, 255, 255)),
        (np.full((4, 5), 257 * 77, np.uint16), (77, 77, 77)),
        (np.full((4, 5, 3), 0.5, np.float32), (128, 128, 128)),
        (np.full((3, 8, 9), 0.5, np.float64), (128, 128, 128)),
        (np.full((1, 3, 8, 9), 0.25), (64, 64, 64)),
        (np.ones((4, 5), np.bool_), (255, 255, 255)),
        (np.full((4, 5), np.nan, np.float32), (255, 0, 255)),
        (np.full((4, 5), 9, np.int64), (128, 128, 128)),
        (np.full((6, 7, 2), 255, np.uint8), (255, 255, 0)),
        (np.full((6, 7, 4), 255, np.uint8), (255, 255, 255)),
        (np.full((6, 7, 9), 10, np.uint8), (10, 10, 10)),
    ],
)
def test_any_array_is_displayable(image, pixel):
    out = displayable(image)
    assert out.dtype == np.uint8 and out.ndim == 3 and out.shape[2] == 3 and out.flags.c_contiguous
    assert tuple(out[0, 0]) == pixel
    planar = image.ndim == 4 or image.shape in ((3, 8, 9),)
    assert out.shape[:2] == (image.shape[-2:] if planar else image.shape[:2])


def test_wide_ranges_are_stretched_and_the_input_is_never_handed_out():
    ramp = np.linspace(-3.0, 5.0, 256).reshape(16, 16)
    out = displayable(ramp)
    assert out.min() == 0 and out.max() == 255
    image = GRAY.copy()
    assert not np.shares_memory(displayable(image), image)


def test_transparent_pixels_show_the_checkerboard():
    clear = np.zeros((64, 64, 4), np.uint8)
    assert set(np.unique(displayable(clear))) == {205, 250}


@pytest.mark.parametrize("bad", [None, "photo.jpg", np.zeros((0, 4)), np.zeros(5), np.zeros((2, 4, 4, 3)), [["a"]]])
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(ParamError, match="displayable: image must be numbers"):
        displayable(bad)


def test_a_torch_tensor_is_displayable():
    torch = pytest.importorskip("torch")
    out = displayable(torch.full((3, 6, 8), 0.5, dtype=torch.bfloat16, requires_grad=True))
    assert out.shape == (6, 8, 3) and out[0, 0, 0] == 128


def test_a_box_is_drawn_around_its_edge_and_nowhere_else():
    out = draw_boxes(GRAY, [[40, 30, 100, 90]], colors=(255, 0, 0))
    changed = (out != GRAY).any(axis=2)
    ys, xs = np.nonzero(changed)
    assert abs(xs.min() - 40) <= 3 and abs(xs.max() - 99) <= 3 and abs(ys.min() - 30) <= 3 and abs(ys.max() - 89) <= 3
    assert not changed[40:80, 50:90].any()
    red = (out[..., 0] > 140) & (out[..., 1] < 100)
    for y, x in ((30, 70), (89, 70), (60, 40), (60, 99)):
        assert red[y - 1 : y + 2, x - 1 : x + 2].any()
    assert (GRAY == 128).all()


def test_points_are_drawn_at_their_places_and_hidden_or_unlabeled_ones_differ():
    out = draw_points(GRAY, [[30.5, 40.5, 2], [80.5, 40.5, 1], [130.5, 90.5, 0]], colors=(255, 0, 0))
    assert tuple(out[40, 30]) == (255, 0, 0)
    assert tuple(out[40, 80]) == (255, 255, 255)
    assert (out[80:, 120:] == 128).all()


def test_masks_and_polygons_tint_what_they_cover():
    mask = np.zeros((120, 160), np.bool_)
    mask[20:60, 30:90] = True
    tinted = draw_mask(GRAY, mask, color=(0, 0, 255))
    assert ((tinted != GRAY).any(axis=2) == mask).all()
    filled = draw_polygons(GRAY, [[[30, 20], [90, 20], [90, 60], [30, 60]]], colors=(0, 0, 255))
    assert filled[40, 60, 2] > 128 and (filled[80:] == 128).all()
    numbers = mask.astype(np.int64) * 3
    assert ((draw_mask(GRAY, numbers) != GRAY).any(axis=2) == mask).all()
    with pytest.raises(ParamError, match="120 x 160"):
        draw_mask(GRAY, mask[:-1])


def test_labels_stay_on_the_picture_and_do_not_cover_each_other():
    boxes = [[0, 0, 20, 20], [0, 0, 22, 22], [150, 110, 400, 300]]
    out = draw_labels(GRAY, ["one", "two", "three " * 40], boxes)
    assert out.shape == GRAY.shape
    plates = [(np.abs(out.astype(int) - PALETTE[i]).sum(axis=2) < 60).sum() for i in range(3)]
    assert min(plates) > 60


@pytest.mark.parametrize("side", [1, 2, 7, 33, 90, 400, 2300])
def test_a_full_sample_is_drawn_at_any_size(side):
    image = np.full((side, side + 1, 3), 90, np.uint8)
    mask = np.zeros((1, side, side + 1), np.bool_)
    mask[:, : side // 2 + 1] = True
    sample = Sample(
        image,
        label=0,
        class_names=["kätzchen"],
        boxes=[[0, 0, side, side]],
        labels=[0],
        rotated_boxes=[[side / 2, side / 2, side / 2, side / 3, 30]],
        polygons=[[[0, 0], [side, 0], [side, side]]],
        masks=mask,
        keypoints=[[[side / 2, side / 2, 2], [0, 0, 1]]],
        skeleton=Skeleton(("a", "b"), edges=((0, 1),)),
        segmentation=np.ones((side, side + 1), np.uint8),
        track_ids=[4],
    )
    out = draw_sample(sample)
    assert out.shape == image.shape and out.dtype == np.uint8 and (out != image).any()
    assert (image == 90).all()
    grown = draw_sample(sample, least_side=100)
    assert min(grown.shape[:2]) >= 100 and grown.shape[0] % side == 0


def test_a_plain_sample_is_its_picture():
    assert (draw_sample(Sample(GRAY)) == GRAY).all()


def test_small_pictures_grow_by_whole_factors():
    small = np.arange(12, dtype=np.uint8).reshape(3, 4)
    out, factor = enlarged(small, 8)
    assert factor == 3 and out.shape == (9, 12, 3) and (out[::3, ::3, 0] == small).all()


def test_contact_sheet_has_a_cell_for_every_picture():
    sheet = contact_sheet([GRAY, GRAY[..., 0], Sample(GRAY, boxes=[[1, 1, 50, 50]])], columns=2,
                          captions=["a", "b", "c"], cell=(80, 60))  # fmt: skip
    assert sheet.shape[1] == 8 + 2 * 88 and sheet.dtype == np.uint8
    assert (sheet[8 + 20, 8 + 40] == 128).all() and (sheet[8 + 20, 8 + 88 + 40] == 128).all()
    with pytest.raises(ParamError, match="contact_sheet"):
        contact_sheet([])
    with pytest.raises(ParamError, match="contact_sheet"):
        contact_sheet([GRAY], captions=[])


def test_text_is_written():
    out = draw_text(GRAY, "Opsin\n0123", x=5, y=5)
    assert (out != GRAY).any() and (out == 0).all(axis=2).any() and (out > 240).all(axis=2).any()
