"""Memory of earlier batches that nobody looks at any more."""

from __future__ import annotations

from opsin.kernels.buffers import Store

__all__ = ["fresh"]

fresh = Store(most=1 << 29, count=1 << 10).fresh
