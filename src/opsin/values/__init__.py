"""Results that are not pictures: typed values that describe themselves, draw themselves and save themselves."""

from opsin.values.base import ArrayValue, Value
from opsin.values.boxes import Boxes, Points
from opsin.values.fields import Distances, Response
from opsin.values.labels import Labels, Region
from opsin.values.masks import Mask

__all__ = ["ArrayValue", "Boxes", "Distances", "Labels", "Mask", "Points", "Region", "Response", "Value"]
