"""Every technique, one plain function each; a file is a family.

One line a family below, so that editors and type checkers know every name; a test sees to it that none is forgotten.
"""

from importlib import import_module as _import_module
from pkgutil import iter_modules as _iter_modules

from opsin.op import operations as _operations

_BEFORE = set(globals())

# fmt: off
from opsin.ops.align import *
from opsin.ops.art import *
from opsin.ops.bend import *
from opsin.ops.binary import *
from opsin.ops.blur import *
from opsin.ops.boxes import *
from opsin.ops.carry import *
from opsin.ops.channels import *
from opsin.ops.clusters import *
from opsin.ops.color import *
from opsin.ops.crops import *
from opsin.ops.curves import *
from opsin.ops.deblur import *
from opsin.ops.denoise import *
from opsin.ops.descriptors import *
from opsin.ops.detect import *
from opsin.ops.edges import *
from opsin.ops.features import *
from opsin.ops.fill import *
from opsin.ops.filters import *
from opsin.ops.focus import *
from opsin.ops.frame import *
from opsin.ops.grain import *
from opsin.ops.hiding import *
from opsin.ops.holes import *
from opsin.ops.light import *
from opsin.ops.matching import *
from opsin.ops.medical import *
from opsin.ops.mix import *
from opsin.ops.morph import *
from opsin.ops.morphology import *
from opsin.ops.noise import *
from opsin.ops.occlude import *
from opsin.ops.policy import *
from opsin.ops.random_crop import *
from opsin.ops.regions import *
from opsin.ops.rigid import *
from opsin.ops.safe import *
from opsin.ops.segmentation import *
from opsin.ops.select import *
from opsin.ops.stitch import *
from opsin.ops.templates import *
from opsin.ops.text import *
from opsin.ops.thresholds import *
from opsin.ops.tint import *
from opsin.ops.tone import *
from opsin.ops.unmix import *
from opsin.ops.values import *
from opsin.ops.weather import *

# fmt: on

_FOLDER = list(__spec__.submodule_search_locations or ())
FAMILIES = tuple(sorted(m.name for m in _iter_modules(_FOLDER) if not m.name.startswith("_")))
for _family in FAMILIES:
    _import_module(f"{__name__}.{_family}")
# what families import for themselves is not theirs to offer
for _name in set(globals()) - _BEFORE - {"_BEFORE", "_FOLDER", "FAMILIES", *FAMILIES}:
    if not _name.startswith("__"):
        del globals()[_name]
globals().update({name: entry.public for name, entry in _operations().items()})
__all__ = sorted(_operations())
