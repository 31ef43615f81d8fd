"""The path door: any name, from data, archives or requests, to a key that is safe on every file system.

The key is a pure function of the name. Names that would meet on a file system that ignores case or Unicode form are
told apart by a suffix made of the name alone, so that the order in which they come does not matter.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from opsin.errors import ParamError, refusal

__all__ = ["fold_key", "safe_key", "unique_keys"]

_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
_RESERVED |= {f"{word}{digit}" for word in ("com", "lpt") for digit in "123456789¹²³"}
_FORBIDDEN = set('<>:"|?*')
_ESCAPED = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_LONGEST = 255


def safe_key(name: str | bytes | os.PathLike[str], *, max_bytes: int = _LONGEST) -> str:
    """Turn a name into a relative path, with `/` between its parts, that can be written anywhere.

    `..` and absolute roots lose their power, control characters and what Windows forbids are written as %XX, reserved
    names (`CON`, `nul.txt`) and hidden state (`.opsin`) get a leading underscore, long parts are cut and end in a
    digest.

    Args:
        name: a path as found; bytes that are no UTF-8 are kept as %XX.
        max_bytes: the longest part, in bytes of UTF-8; leave room here for what will be appended.
    Returns: a path of parts that are not empty, not `.` and not `..`; NFC.
    Raises: ParamError when nothing is left of the name.
    """
    if max_bytes < 32:
        raise ParamError(refusal("safe_key", "max_bytes", "at least 32", max_bytes))
    text = os.fsdecode(name) if not isinstance(name, str) else name
    parts = [_safe_part(part, max_bytes) for part in re.split(r"[/\\]", text) if part not in ("", ".")]
    if not parts:
        raise ParamError(refusal("safe_key", "name", "a name with something in it", text))
    return "/".join(parts)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def _safe_character(character: str) -> str:
    if character in _FORBIDDEN:
        return _percent(character)
    if character >= " " and character < "\x7f":
        return character
    kind = unicodedata.category(character)
    if kind == "Cs" and not "\udc80" <= character <= "\udcff":  # half a surrogate pair that no byte stands behind
        return f"%u{ord(character):04X}"
    return _percent(character) if kind in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co") else character


def _safe_part(part: str, max_bytes: int) -> str:
    if part.strip(". ") == "":  # `..`, `...`, spaces
        return "".join(_percent(character) for character in part)[:max_bytes]
    text = _ESCAPED.sub("%25", part)
    text = unicodedata.normalize("NFC", "".join(_safe_character(character) for character in text))
    tail = len(text) - len(text.rstrip(". "))
    if tail:
        text = text[:-tail] + "".join(_percent(character) for character in text[-tail:])
    if text.startswith(" "):
        text = "%20" + text[1:]
    stem = text.split(".")[0].rstrip(" ").casefold()
    if stem in _RESERVED or text.casefold().startswith(".opsin"):
        text = "_" + text
    if len(text.encode()) <= max_bytes:
        return text
    digest = "~" + _digest(part, 16)
    stem, extension = os.path.splitext(text)
    if len(extension.encode()) > 16:
        stem, extension = text, ""
    room = max_bytes - len(digest) - len(extension.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + digest + extension


def _digest(name: str, length: int) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def fold_key(key: str) -> str:
    """Fold a key so that two keys which any common file system takes for one become equal."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", key).casefold())


def unique_keys(names: Iterable[str], *, max_bytes: int = _LONGEST) -> dict[str, str]:
    """Give every name a key of its own, whatever the order of the names.

    A key that no other name wants is `safe_key(name)`. Where keys would meet, all of them get `~` and a digest of their
    own name before the extension: none is favored for having come first.

    Args:
        names: different names; repeated ones count once.
        max_bytes: as for `safe_key`.
    Returns: from name to key.
    Raises: ParamError when nothing is left of a name.
    """
    keys = {name: safe_key(name, max_bytes=max_bytes) for name in dict.fromkeys(names)}
    for length in (8, 16, 64):
        groups: dict[str, list[str]] = defaultdict(list)
        for name, key in keys.items():
            groups[fold_key(key)].append(name)
        clashing = [name for group in groups.values() if len(group) > 1 for name in group]
        if not clashing:
            return keys
        for name in clashing:
            keys[name] = _suffixed(safe_key(name, max_bytes=max_bytes), name, length, max_bytes)
    return keys


def _suffixed(key: str, name: str, length: int, max_bytes: int) -> str:
    folder, _, last = key.rpartition("/")
    stem, extension = os.path.splitext(last)
    if len(extension.encode()) > 16:
        stem, extension = last, ""
    suffix = "~" + _digest(name, length)
    room = max(1, max_bytes - len(suffix) - len(extension.encode()))
    last = stem.encode()[:room].decode("utf-8", "ignore") + suffix + extension
    return f"{folder}/{last}" if folder else last
