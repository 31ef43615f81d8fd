"""Scans as samples: DICOM and NIfTI slices in real units, with spacing and orientation; no private data.

sample = read("slice.dcm")                                   # sample.facts.spacing, .orientation, .windows
picture = ops.window_intensity(sample.image, center=40, width=400)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from opsin.errors import ParamError, refusal
from opsin.io.limits import LOCAL, Limits
from opsin.io.medical import MedicalFacts, Scan, read_scan
from opsin.io.readdoor import Source
from opsin.sample import Sample

__all__ = ["MedicalFacts", "Scan", "read", "read_scan", "samples", "spacing"]


def read(source: Source, *, frame: int = 0, orient: str | None = None, limits: Limits = LOCAL) -> Sample:
    """Read one slice or frame of a DICOM or NIfTI file.

    Args:
        source: a path, bytes or a file object.
        frame: which one, from 0; negative numbers count from the end.
        orient: bring a volume's axes into an order such as "LPS"; None keeps them as stored.
        limits: what the input may cost.

    Returns:
        a sample whose picture is H W float32 in real units (Hounsfield units for CT) or RGB, and whose `facts`
        (`MedicalFacts`) tell spacing, orientation and the suggested windows. Names, dates and numbers of patients are
        not read into it.

    Raises:
        DecodeError: not such a file, or one without pixels.
    """
    scan = read_scan(source, orient=orient, limits=limits)
    count = len(scan.frames)
    if not -count <= frame < count:
        raise ParamError(refusal("medical.read", "frame", f"a number from 0 to {count - 1}", frame))
    return _sample(scan, frame % count)


def samples(source: Source, *, orient: str | None = None, limits: Limits = LOCAL) -> Iterator[Sample]:
    """Give every slice or frame of a file, one by one.

    Args:
        source: a path, bytes or a file object.
        orient: bring a volume's axes into an order such as "LPS".
        limits: what the input may cost.
    """
    scan = read_scan(source, orient=orient, limits=limits)
    return (_sample(scan, number) for number in range(len(scan.frames)))


def _sample(scan: Scan, number: int) -> Sample:
    sample = Sample(np.ascontiguousarray(scan.frames[number]), key=number)
    sample.facts = replace(scan.facts, frame=number)
    return sample


def spacing(sample: Sample) -> tuple[float, float]:
    """Give the millimeters from pixel to pixel along x and y of the picture as it is now, in its middle.

    Use it to measure after resizing or turning; `sample.facts.spacing` is that of the scan as stored.

    Args:
        sample: one that came from a scan, after any geometry.

    Raises:
        ParamError: a sample that did not come from a scan.
    """
    if not isinstance(sample.facts, MedicalFacts):
        raise ParamError(refusal("spacing", "sample", "one that medical.read gave", sample))
    middle = np.array([sample.size.width / 2.0, sample.size.height / 2.0])
    here, right, below = sample.warp.pull(middle + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    unit = np.array(sample.facts.spacing[:2])
    return float(np.hypot(*((right - here) * unit))), float(np.hypot(*((below - here) * unit)))
