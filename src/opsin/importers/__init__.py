"""Pipelines of other libraries brought over, with a report that says step by step what is exact and what is not."""

from opsin.importers.albumentations import from_albumentations
from opsin.importers.configs import from_huggingface, from_timm
from opsin.importers.report import Imported, Note
from opsin.importers.torchvision import from_torchvision

__all__ = ["Imported", "Note", "from_albumentations", "from_huggingface", "from_timm", "from_torchvision"]
