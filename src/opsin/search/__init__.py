"""Picture search: index pictures once, then find them again, their crops and turns, their copies, and what is alike.

index = opsin.search.Index("photos.index")     # a folder; made when it does not exist
index.add_folder("photos")                     # again later: what is new comes in, what has gone goes
hits = index.search("query.jpg")               # Hits: keys, scores, and why
index.duplicates()                             # groups of near-duplicates
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsin.search.hashes import hash_distance as hash_distance
    from opsin.search.hashes import perceptual_hash as perceptual_hash
    from opsin.search.hits import Hit as Hit
    from opsin.search.hits import Hits as Hits
    from opsin.search.index import Added as Added
    from opsin.search.index import Index as Index

_HOME = {
    "Added": "index",
    "Hit": "hits",
    "Hits": "hits",
    "Index": "index",
    "hash_distance": "hashes",
    "perceptual_hash": "hashes",
}

__all__ = ["Added", "Hit", "Hits", "Index", "hash_distance", "perceptual_hash"]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'opsin.search' has no attribute {name!r}")
    value = getattr(import_module(f"opsin.search.{home}"), name)
    globals()[name] = value
    return value
