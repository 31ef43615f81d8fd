"""Where the color model of `skin_segment` comes from: the package, or a file of the user's own."""

import os.path
from functools import lru_cache

from opsin.errors import OpsinError, ParamError, refusal, verbatim
from opsin.kernels.mixture import SkinModel

__all__ = ["skin_model"]

_DEFAULT = os.path.join(os.path.dirname(os.path.dirname(__file__)), "assets", "skin.json")
_LARGEST = 1 << 20


@lru_cache(maxsize=1)
def _packaged() -> SkinModel:
    return _read(_DEFAULT)


def _read(path: str) -> SkinModel:
    from opsin.io.parse import parse_json
    from opsin.io.readdoor import read_bytes

    return SkinModel.from_dict(parse_json(read_bytes(path).data, source=os.path.basename(path), max_bytes=_LARGEST))


def skin_model(where: str, name: str) -> SkinModel:
    """Read the model that comes with the package, or a file of the same form.

    Raises:
        ParamError: not there, too large, or no model.
    """
    if name == "default":
        return _packaged()
    try:
        return _read(name)
    except (OpsinError, ValueError) as reason:
        hint = "benchmarks/fit_skin.py writes one."
        got = verbatim(f"'{name}' ({str(reason).rstrip('.')})")
        raise ParamError(refusal(where, "model", '"default" or a JSON file of two mixtures', got, hint)) from None
