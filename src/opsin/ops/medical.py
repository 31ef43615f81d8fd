"""Looking at scans: real units to shades of gray."""

from typing import Annotated, Literal

import numpy as np

from opsin.arrays import from_unit
from opsin.op import op
from opsin.types import Bound, Image, Unit, Usual


@op()
def window_intensity(
    image: Image,
    /,
    *,
    center: Annotated[float, Unit("units of the picture"), Usual(-600.0, 600.0)],
    width: Annotated[float, Bound(ge=1.0), Unit("units of the picture"), Usual(50.0, 2000.0)],
    curve: Literal["linear", "linear_exact", "sigmoid"] = "linear",
    invert: bool = False,
) -> Image:
    """Spread a range of values over all shades, from black to white.

    Use it on scans in real units: for CT 40 and 400 show soft parts, -600 and 1500 the lung, 400 and 1800 bone. A DICOM
    file suggests its own (`sample.facts.windows`). Values below become black, values above white.

    Args:
        center: the value in the middle, in the picture's own units (Hounsfield units, or stored numbers of uint8 and
            uint16 pictures).
        width: how many units lie between black and white.
        curve: "linear" and "sigmoid" as DICOM defines them; "linear" ends half a unit short on both sides, as it was
            made for whole numbers, "linear_exact" does not.
        invert: make small values bright, as MONOCHROME1 asks (`sample.facts.inverted`).

    Returns:
        same shape and dtype: float32 in 0..1, integers over their full scale.

    Source:
        DICOM PS3.3, C.11.2.1.2 (linear) and C.11.2.1.3 (sigmoid, linear exact).
    """
    x = image.astype(np.float64)
    if curve == "sigmoid":
        shades = 1.0 / (1.0 + np.exp(np.clip(-4.0 * (x - center) / width, -700.0, 700.0)))
    elif curve == "linear_exact":
        shades = np.clip((x - center) / width + 0.5, 0.0, 1.0)
    else:
        low, high = center - 0.5 - (width - 1.0) / 2.0, center - 0.5 + (width - 1.0) / 2.0
        between = (x - (center - 0.5)) / max(width - 1.0, 1e-300) + 0.5
        shades = np.where(x <= low, 0.0, np.where(x > high, 1.0, between))
    return from_unit(1.0 - shades if invert else shades, image.dtype)
