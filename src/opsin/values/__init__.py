"""Results that are not pictures: typed values that describe themselves, draw themselves and save themselves."""

from opsin.values.base import ArrayValue, Value
from opsin.values.boxes import Boxes, Points
from opsin.values.descriptors import FilterBank, GradientHistograms, TextureCodes
from opsin.values.fields import Distances, Response
from opsin.values.labels import Labels, Region
from opsin.values.masks import Mask
from opsin.values.matches import Homography, Matches
from opsin.values.message import Message
from opsin.values.panorama import Panorama
from opsin.values.registration import Registration, VolumeRegistration
from opsin.values.sources import Unmixed, Whitened
from opsin.values.tracks import Tracks
from opsin.values.words import Words

__all__ = [
    "ArrayValue",
    "Boxes",
    "Distances",
    "FilterBank",
    "GradientHistograms",
    "Homography",
    "Labels",
    "Mask",
    "Matches",
    "Message",
    "Panorama",
    "Points",
    "Region",
    "Registration",
    "Response",
    "TextureCodes",
    "Tracks",
    "Unmixed",
    "Value",
    "VolumeRegistration",
    "Words",
    "Whitened",
]
