"""Every technique, one plain function each; a file is a family.

This module lists nothing by hand: it imports the families beside it and lifts what they registered.
"""

from __future__ import annotations

import importlib
import pkgutil

from opsin.op import operations

for _family in pkgutil.iter_modules(__path__):
    if not _family.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_family.name}")

globals().update({name: entry.public for name, entry in operations().items()})
__all__ = sorted(operations())
