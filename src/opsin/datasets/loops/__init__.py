"""Training loops: one addressed order of samples behind every framework's iterator.

Order      which sample comes when: shuffled by address, divided between ranks and workers, resumable
batches    plain NumPy batches, read ahead by threads
to_tf      a `tf.data.Dataset`
from_hf, to_hf, hf_transform     Hugging Face `datasets`
"""

from __future__ import annotations

from opsin.datasets.loops.huggingface import from_hf, hf_transform, to_hf
from opsin.datasets.loops.numpy import Batches, batches
from opsin.datasets.loops.order import Order
from opsin.datasets.loops.tensorflow import to_tf

__all__ = ["Batches", "Order", "batches", "from_hf", "hf_transform", "to_hf", "to_tf"]
