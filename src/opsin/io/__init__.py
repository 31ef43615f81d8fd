"""The doors of Opsin: the few functions through which anything from outside comes in or goes out.

    read     path, bytes, file object, address -> bytes     `reading`, `readdoor`, `netdoor`
    decode   bytes -> picture                               `decoding`, `headers`, `formats`
    write    picture -> bytes -> file                       `encoding`, `writing`
    path     any name -> a safe output key                  `paths`
    parse    JSON, YAML, XML, CSV, NPY                      `parse`
    interop  Pillow, OpenCV and torch pictures              `interop`

Nothing here is imported until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsin.io.decoding import decode as decode
    from opsin.io.encoding import encode as encode
    from opsin.io.facts import Facts as Facts
    from opsin.io.facts import Note as Note
    from opsin.io.facts import Picture as Picture
    from opsin.io.headers import Header as Header
    from opsin.io.headers import header as header
    from opsin.io.headers import sniff as sniff
    from opsin.io.interop import from_opencv as from_opencv
    from opsin.io.interop import from_pillow as from_pillow
    from opsin.io.interop import from_torch as from_torch
    from opsin.io.interop import to_opencv as to_opencv
    from opsin.io.interop import to_pillow as to_pillow
    from opsin.io.interop import to_torch as to_torch
    from opsin.io.limits import LOCAL as LOCAL
    from opsin.io.limits import SERVER as SERVER
    from opsin.io.limits import Limits as Limits
    from opsin.io.readdoor import Blob as Blob
    from opsin.io.readdoor import read_bytes as read_bytes
    from opsin.io.reading import read as read
    from opsin.io.reading import read_with_facts as read_with_facts
    from opsin.io.writing import atomic as atomic
    from opsin.io.writing import sweep as sweep
    from opsin.io.writing import write as write
    from opsin.io.writing import write_bytes as write_bytes

_HOME = {
    "Blob": "readdoor",
    "Facts": "facts",
    "Header": "headers",
    "LOCAL": "limits",
    "Limits": "limits",
    "Note": "facts",
    "Picture": "facts",
    "SERVER": "limits",
    "atomic": "writing",
    "decode": "decoding",
    "encode": "encoding",
    "from_opencv": "interop",
    "from_pillow": "interop",
    "from_torch": "interop",
    "header": "headers",
    "read": "reading",
    "read_bytes": "readdoor",
    "read_with_facts": "reading",
    "sniff": "headers",
    "sweep": "writing",
    "to_opencv": "interop",
    "to_pillow": "interop",
    "to_torch": "interop",
    "write": "writing",
    "write_bytes": "writing",
}

__all__ = [
    "LOCAL",
    "SERVER",
    "Blob",
    "Facts",
    "Header",
    "Limits",
    "Note",
    "Picture",
    "atomic",
    "decode",
    "encode",
    "from_opencv",
    "from_pillow",
    "from_torch",
    "header",
    "read",
    "read_bytes",
    "read_with_facts",
    "sniff",
    "sweep",
    "to_opencv",
    "to_pillow",
    "to_torch",
    "write",
    "write_bytes",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'opsin.io' has no attribute {name!r}")
    value = getattr(import_module(f"opsin.io.{home}"), name)
    globals()[name] = value
    return value
