"""Find the files of OpenCV's cascades: beside OpenCV 4, where systems keep them, or where somebody says."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.extras import need

__all__ = ["BRINGS", "cascade", "cascade_path"]

_SYSTEM = (
    "/usr/share/opencv4",
    "/usr/share/opencv",
    "/usr/share/OpenCV",
    "/usr/local/share/opencv4",
    "/opt/homebrew/share/opencv4",
)
BRINGS = "Install them with: apt install opencv-data, or name the file with cascade=."
_LOADED = threading.local()


def _folders(where: str) -> list[str]:
    cv2 = need("cv2", where)
    beside = getattr(getattr(cv2, "data", None), "haarcascades", "")
    prefix = os.path.join(sys.prefix, "share", "opencv4")  # where conda puts them
    return [beside, *(os.path.join(base, "haarcascades") for base in (*_SYSTEM, prefix))]


def cascade_path(where: str, name: str, given: str | None = None) -> str:
    """Give the path of a cascade.

    Args:
        where: the technique's name, for the sentence.
        name: the file's name, as `haarcascade_eye.xml`.
        given: a file, or a folder that holds it; None looks beside OpenCV and where systems keep it.

    Raises:
        ParamError: there is no such file, with the command that brings it.
    """
    if given is not None:
        path = os.path.join(given, name) if os.path.isdir(given) else given
        if os.path.isfile(path):
            return path
        raise ParamError(refusal(where, "cascade", f"the file {name} or a folder that holds it", given, BRINGS))
    for folder in _folders(where):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path):
            return path
    got = verbatim("nothing beside OpenCV or in its system folders")
    raise ParamError(refusal(where, "cascade", f"the file {name}, which OpenCV 5 no longer brings", got, BRINGS))


def cascade(where: str, name: str, given: str | None = None) -> Any:
    """Load a cascade once in each thread: a classifier must not be used by two at once."""
    path = cascade_path(where, name, given)
    key = path, os.stat(path).st_mtime_ns
    kept: dict[Any, Any] = _LOADED.__dict__.setdefault("by_path", {})
    if key not in kept:
        cv2 = need("cv2", where)
        try:
            loaded = cv2.CascadeClassifier(path)
            empty = loaded.empty()
        except (cv2.error, SystemError):  # OpenCV 5 raises either on a file that is no cascade
            empty = True
        if empty:
            raise ParamError(refusal(where, "cascade", "a cascade of OpenCV (XML)", path, BRINGS))
        kept[key] = loaded
    return kept[key]
