"""A picture with everything that is known about it; geometry moves all of it, once and together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.arrays import check_image
from opsin.carry import boxes_alone, boxes_of, carried_boxes, carry, least
from opsin.errors import OpsinError, ParamError, refusal
from opsin.geometry import Size, Warp
from opsin.instances import Dropped, Instances, Rules, Skeleton, make
from opsin.io.stored import Stored
from opsin.kernels.resample import gather_nearest
from opsin.record import Boxes, Record
from opsin.types import Array

__all__ = ["Sample"]

Source = Array | str | bytes | os.PathLike[str] | Stored
_RULES = Rules()


class Sample:
    """A picture and its annotations: the table of instances, a label, a segmentation, results of techniques.

    A sample is never changed: every technique gives a new one. Annotations are kept as they were on the original
    picture together with the composed map; the table is computed when it is read, so nothing is lost or grows by
    going step by step.

    Args:
        image: an array, a path or the bytes of a file; files are read when the picture is first needed.
        label: the picture's class.
        boxes: N 4 in `box_format`.
        box_format: `xyxy`, `xywh`, `cxcywh`, or one of them with `_unit` for coordinates in 0..1.
        labels: one class per object: a number (see class_names) or text.
        class_names: the names of numbered classes.
        rotated_boxes: N 5 (center x, center y, width, height, degrees anticlockwise), N 8 or N 4 2.
        polygons: per object one outline K 2 or several.
        masks: N H W.
        keypoints: N K 2, or N K 3 with visibility 0 (not labeled), 1 (hidden), 2 (seen).
        skeleton: names of key points, lines and mirror pairs.
        segmentation: H W, one class number per pixel.
        track_ids: one per object.
        attributes: one dict per object.
        key: what addresses chance and names outputs.
        rules: when objects are dropped after geometry.

    Raises:
        ParamError: columns that do not fit each other or the picture.
    """

    # what most samples never get stands here, so that making one more of them is quick
    source: Any = None
    filtered: str | None = None
    _image: Array | None = None
    _stored: Stored | None = None
    _facts: Any = None
    _later: Callable[[], Warp] | None = None
    _later_draws: Callable[[], dict[str, Any]] | None = None
    _boxes: Boxes | None = None
    _whole: Callable[[], bool] | None = None
    _hidden: tuple[tuple[int, NDArray[np.bool_]], ...] = ()
    _carried: tuple[Instances, tuple[Dropped, ...]] | None = None
    _gone: tuple[Dropped, ...] = ()
    _table: Instances | None = None
    _segmentation: NDArray[Any] | None = None
    _moves: Warp | None = None

    def __init__(
        self,
        image: Source,
        label: Any = None,
        boxes: Any = None,
        box_format: str = "xyxy",
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        rotated_boxes: Any = None,
        polygons: Any = None,
        masks: Any = None,
        keypoints: Any = None,
        skeleton: Skeleton | None = None,
        segmentation: Any = None,
        track_ids: Any = None,
        attributes: Sequence[Mapping[str, Any]] | None = None,
        key: int | str | None = None,
        rules: Rules | None = None,
    ) -> None:
        if isinstance(image, np.ndarray):
            self._image = check_image("Sample", image)
        elif isinstance(image, str | bytes | bytearray | memoryview | os.PathLike):
            self.source, self._stored = image, Stored(image)
        elif isinstance(image, Stored):
            self.source, self._stored = image.source, image
        else:
            raise ParamError(refusal("Sample", "image", "an array, a path or the bytes of a file", image))
        self.label = label
        self.key = key
        self.rules = rules or _RULES
        self.class_names = tuple(class_names) if class_names is not None else None
        self.results: dict[str, Any] = {}
        self._draws: dict[str, Any] = {}
        plain = boxes is None and rotated_boxes is None and polygons is None and masks is None and keypoints is None
        annotated = not plain or labels is not None or track_ids is not None or attributes is not None
        size = self.size if annotated or segmentation is not None else None
        if annotated:
            assert size is not None
            self._table = make(
                size,
                boxes=boxes,
                box_format=box_format,
                labels=labels,
                class_names=class_names,
                rotated_boxes=rotated_boxes,
                polygons=polygons,
                masks=masks,
                keypoints=keypoints,
                skeleton=skeleton,
                track_ids=track_ids,
                attributes=attributes,
            )
        if segmentation is not None:
            assert size is not None
            self._segmentation = self._check_segmentation(segmentation, size)

    @staticmethod
    def _check_segmentation(segmentation: Any, size: Size) -> NDArray[Any]:
        s = np.asarray(segmentation)
        if s.shape != (size.height, size.width) or s.dtype.kind not in "bui":
            raise ParamError(
                refusal("Sample", "segmentation", f"integers {size.height} x {size.width}, as the picture", s)
            )
        return s

    # --- reading ------------------------------------------------------------------------------------------------
    @property
    def image(self) -> Array:
        """The picture as it is now."""
        if self._image is None:
            assert self._stored is not None
            picture = self._stored.picture()
            self._image, self._facts = picture.image, picture.facts
        return self._image

    @property
    def decoded(self) -> Array | None:
        """The picture if it has been read already, else None."""
        return self._image

    @property
    def unread(self) -> Stored | None:
        """The file, if its picture has not been read yet, else None."""
        return self._stored if self._image is None else None

    @property
    def facts(self) -> Any:
        """What is known of the file beyond its pixels (`opsin.io.Facts`); None for pictures that come from no file."""
        if self._facts is None and self._stored is not None:
            self._facts = self._stored.facts()
        return self._facts

    @facts.setter
    def facts(self, facts: Any) -> None:
        self._facts = facts

    @property
    def whole(self) -> bool:
        """Whether the file was decoded whole: no part of it was stepped over because nobody wants its pixels."""
        return self._whole is None or self._whole()

    @property
    def size(self) -> Size:
        """Width and height of the picture as it is now (a picture C H W after `to_tensor` keeps its canvas)."""
        warp = self._warp
        if warp is not None:
            return Size(*warp.target)
        if self._image is not None:
            return Size(self._image.shape[1], self._image.shape[0])
        assert self._stored is not None
        return Size(*self._stored.size())

    @property
    def warp(self) -> Warp:
        """The composed map from the original picture to this one."""
        warp = self._warp
        return warp if warp is not None else Warp.identity(self.size)

    @property
    def instances(self) -> Instances:
        """The table of objects that are still on the picture."""
        return self._now()[0]

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What went, with row, reason and visible part; rows count in the table that an object came from."""
        return self._gone + self._now()[1]

    def _now(self) -> tuple[Instances, tuple[Dropped, ...]]:
        if self._table is None:
            return Instances(self.size, class_names=self.class_names), ()
        if self._carried is None:
            if self._boxes is not None and self._is_simple(self._table):
                size, kept = self._boxes(*boxes_of(self._table), least(self.rules))
                self._carried = carried_boxes(self._table, Size(*size), kept)
                return self._carried
            warp = self._warp
            if (warp is None or not warp.stages) and not self._hidden:
                self._carried = self._table, ()
            else:
                self._carried = carry(self._table, warp or self.warp, self.rules, self._hidden)
        return self._carried

    def _is_simple(self, table: Instances) -> bool:
        """Say whether the core can carry the objects without telling how."""
        return (
            boxes_alone(table) and table.keypoints is None and not (self._hidden or self.rules.text or self.rules.swap)
        )

    @property
    def original_instances(self) -> Instances:
        """The table as it was annotated."""
        return self._table if self._table is not None else Instances(self.warp.source, class_names=self.class_names)

    @property
    def segmentation(self) -> NDArray[Any] | None:
        """One class number per pixel, nearest-sampled; `Rules(void=...)`, 0 by default, beyond the picture."""
        if self._segmentation is None:
            return None
        if self._warp is None:
            return self._segmentation
        void = self.rules.void
        kind = np.promote_types(self._segmentation.dtype, np.min_scalar_type(void))
        return gather_nearest(self._segmentation.astype(kind, copy=False), self.warp, void)

    # The core moves pixels without telling Python where: that is worked out when somebody asks.
    def _told(self) -> None:
        if self._later is not None:
            later, self._later = self._later, None
            self._moves = later()

    @property
    def _warp(self) -> Warp | None:
        self._told()
        return self._moves

    @_warp.setter
    def _warp(self, warp: Warp | None) -> None:
        self._told()
        self._moves, self._boxes = warp, None

    @property
    def draws(self) -> dict[str, Any]:
        """The parameters of every step that ran, by step id."""
        if self._later_draws is not None:
            later, self._later_draws = self._later_draws, None
            self._draws = later()
        return self._draws

    @draws.setter
    def draws(self, draws: dict[str, Any]) -> None:
        self._later_draws, self._draws = None, draws

    def done_elsewhere(self, image: Array, record: Record) -> Self:
        """Give the sample with a picture that was made at once by many steps."""
        out = self._twin()
        out._image, out._later, out._boxes, out._later_draws = image, record.warp, record.boxes, record.draws
        out._carried = None
        if self._image is None:
            out._whole = record.whole
        if self._moves is not None or self._later is not None:
            before = self.warp
            out._later, out._boxes = lambda: before.then(record.warp()), None
        return out

    def __getstate__(self) -> dict[str, Any]:
        # what is worked out later cannot travel to another process
        self._told()
        whole = None if self.whole else _in_part
        return self.__dict__ | {"_draws": self.draws, "_later_draws": None, "_boxes": None, "_whole": whole}

    def checked(self) -> Self:
        """Work the annotations out now: where text was mirrored, that is when it is refused."""
        self.instances  # noqa: B018
        return self

    def _twin(self) -> Self:
        """Copy what is known, not what it lies in; `copy.copy` asks around for three times as long."""
        out = object.__new__(type(self))
        out.__dict__.update(self.__dict__)
        return out

    # --- what techniques do -------------------------------------------------------------------------------------
    def with_image(self, image: Array) -> Self:
        """Give the same sample with other pixels on the same canvas."""
        out = self._twin()
        out._image = image
        if self._warp is None and self._image is not None and image.shape[:2] != self._image.shape[:2]:
            # a picture C H W no longer tells its canvas by its shape
            out._warp = Warp.identity(self.size)
        return out

    def moved(self, warp: Warp, image: Array) -> Self:
        """Give the sample after a warp, whose picture has been computed already."""
        if warp.source != self.size:
            raise ParamError(refusal("Sample", "warp", f"a warp from {tuple(self.size)}", tuple(warp.source)))
        out = self.with_image(image)
        out._warp = self.warp.then(warp)
        out._carried = None
        if self.rules.text:
            out._now()  # mirrored text is refused where it happens, not where it is read
        return out

    def with_result(self, name: str, value: Any) -> Self:
        """Keep a result that is not a picture under a name."""
        out = self._twin()
        out.results = {**self.results, name: value}
        return out

    def covered(self, mask: NDArray[np.bool_], image: Array) -> Self:
        """Give the sample with pixels hidden by something; objects behind it count as less visible."""
        out = self.with_image(image)
        out._hidden = (*self._hidden, (len(self.warp.stages), mask))
        out._carried = None
        return out

    def remade(
        self,
        image: Array,
        table: Instances | None,
        *,
        label: Any = None,
        segmentation: NDArray[Any] | None = None,
        dropped: tuple[Dropped, ...] = (),
    ) -> Self:
        """Give a sample whose picture and annotations were made anew, from several others: its own way starts here."""
        out = self.with_image(image)
        out.label = label
        out._table, out._segmentation = table, segmentation
        out._warp, out._hidden, out._carried = None, (), None
        out._gone = dropped
        if table is not None:
            out.class_names = table.class_names
        return out

    def with_rules(self, rules: Rules) -> Self:
        """Give the sample with other drop rules."""
        out = self._twin()
        out.rules, out._carried = rules, None
        return out

    def with_filtered(self, reason: str) -> Self:
        """Mark the sample as one that does not qualify."""
        out = self._twin()
        out.filtered = reason
        return out

    # --- the way back -------------------------------------------------------------------------------------------
    def to_original(
        self, *, points: ArrayLike | None = None, boxes: ArrayLike | None = None, mask: NDArray[Any] | None = None
    ) -> Any:
        """Carry predictions on this picture back to the original one.

        Args:
            points: N 2.
            boxes: N 4 (x1 y1 x2 y2); the hull of the carried corners comes back.
            mask: H W on this picture; comes back on the original canvas, nearest-sampled.

        Returns:
            what was given, in pixels of the original; one value, or a dict when several were given.
        """
        out: dict[str, Any] = {}
        if points is not None:
            out["points"] = self.warp.pull(points).reshape(np.shape(points))
        if boxes is not None:
            b = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
            corners = self.warp.pull(b[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)).reshape(-1, 4, 2)
            out["boxes"] = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).reshape(np.shape(boxes))
        if mask is not None:
            if mask.shape[:2] != (self.size.height, self.size.width):
                raise ParamError(
                    refusal("to_original", "mask", f"{self.size.height} x {self.size.width}, as the picture", mask)
                )
            out["mask"] = gather_nearest(mask, self.warp.invert())
        if not out:
            raise OpsinError("to_original: points, boxes or mask must be given; got nothing.")
        return next(iter(out.values())) if len(out) == 1 else out

    # --- showing ------------------------------------------------------------------------------------------------
    def show(self) -> Array:
        """Draw the annotations on the picture: H W 3 uint8, for screens and reports."""
        from opsin.draw import draw_sample

        return draw_sample(self)

    def _repr_png_(self) -> bytes:
        from opsin.io import encode

        return encode(self.show(), "png")

    def __repr__(self) -> str:
        picture = "unread" if self._image is None else f"{self._image.dtype} {'x'.join(map(str, self._image.shape))}"
        key = f"{self.key!r}, " if self.key is not None else ""
        count = "" if self._table is None else f", {len(self.instances)} instances"
        return f"Sample({key}{picture}{count})"


def _in_part() -> bool:
    return False
