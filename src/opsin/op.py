"""The three shapes of a technique, and the registry.

`@pointwise` values -> values, `@geometric` size -> Warp, `@op` picture(s) -> anything. A decorator reads the signature
once, registers the technique, checks a direct call and forwards it; what comes back is an ordinary function.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import numpy as np

from opsin.arrays import as_mask, check_image, from_unit, full_scale
from opsin.errors import OpsinError, ParamError, did_you_mean, refusal
from opsin.geometry import Size, Warp
from opsin.kernels import native, use_core
from opsin.kernels.laid_out import laid_out
from opsin.kernels.resample import resample
from opsin.sample import Sample
from opsin.spec import OpShape, OpSpec, read_spec
from opsin.types import Array

__all__ = ["Covered", "Op", "geometric", "load_plugins", "op", "op_of", "operations", "pointwise"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_REGISTRY: dict[str, Op] = {}
_IMAGES = ("image", "rgb", "gray")
_OWN = "opsin.ops."
_PLAIN = frozenset((int, float, str, bool, type(None)))  # what can be compared without looking into it
_LAYOUTS = 256  # layouts that a technique keeps


@dataclass(frozen=True)
class Covered:
    """What an occluding technique returns: the picture, and where something now stands in front of it."""

    image: Array
    mask: Any


@dataclass(frozen=True, eq=False)
class Op:
    """A registered technique: its bare function, what callers see of it, and its spec."""

    fn: Callable[..., Any]
    public: Callable[..., Any]
    shape: OpShape
    words: Mapping[str, Any]
    layouts: dict[Any, Callable[[Array], Array]] = field(default_factory=dict)

    @functools.cached_property
    def spec(self) -> OpSpec:
        """The signature, read once: when it is first asked for, so that importing a hundred techniques stays quick."""
        return read_spec(self.fn, self.shape, **self.words)

    @property
    def name(self) -> str:
        """The public name."""
        return self.fn.__name__

    def warp(self, size: Size, params: Mapping[str, Any]) -> Warp:
        """Compute the warp of a geometric technique for a canvas."""
        warp: Warp = self.fn(Size(*size), **params)
        if "border" in params:
            warp = warp.with_edge(params["border"], params.get("fill", 0.0))
        return warp

    def table(self, dtype: Any, params: Mapping[str, Any]) -> Array:
        """Compute the 256- or 65,536-entry table of a pointwise technique."""
        top = int(full_scale(dtype))
        values = np.arange(top + 1, dtype=np.float64) / top
        return from_unit(np.clip(self.fn(values, **params), 0.0, 1.0), dtype)

    def pixels(self, image: Array, params: Mapping[str, Any]) -> Array:
        """Run a pointwise technique on a checked picture; alpha is left alone."""
        channels = params.get("channels", "color")
        if image.ndim == 3 and image.shape[2] == 4 and channels == "color":
            out = np.empty_like(image, order="C")
            out[..., :3] = self._values(image[..., :3], params)
            out[..., 3] = image[..., 3]
            return out
        return self._values(image, params)

    def _values(self, image: Array, params: Mapping[str, Any]) -> Array:
        if image.dtype.kind == "f":
            out = self.fn(np.ascontiguousarray(image), **params)
            return np.clip(out, 0.0, 1.0).astype(np.float32, copy=False)
        table = self.table(image.dtype, params)
        return native.look_up(image, table) if image.dtype == np.uint8 and use_core() else np.take(table, image)

    def run(self, target: Any, params: Mapping[str, Any], *, name: str = "") -> Any:
        """Run on an array or a sample with checked parameters; `name` is where a sample keeps a result."""
        if isinstance(target, Sample):
            return self._on_sample(target, params, name or self.name)
        return self._on_array(target, params)

    def _on_array(self, image: Any, params: Mapping[str, Any]) -> Any:
        shape = self.spec.shape
        if shape == "geometric":
            warp = self.warp(Size(image.shape[1], image.shape[0]), params)
            return resample(image, warp, channels=params.get("channels", "color"))
        if shape == "pointwise":
            return self.pixels(image, params)
        if self.spec.takes == "sample":
            raise ParamError(refusal(self.name, "sample", "an opsin.Sample", image, "Use opsin.Sample(image)."))
        out = self.fn(image, **params)
        return out.image if isinstance(out, Covered) else out

    def _on_sample(self, sample: Sample, params: Mapping[str, Any], name: str) -> Any:
        spec = self.spec
        if spec.shape == "geometric":
            image = sample.image
            warp = self.warp(Size(image.shape[1], image.shape[0]), params)
            return sample.moved(warp, resample(image, warp, channels=params.get("channels", "color")))
        if spec.shape == "pointwise":
            return sample.with_image(self.pixels(sample.image, params))
        if spec.takes == "mask":
            out = self.fn(as_mask(spec.name, sample.image), **params)
        else:
            out = self.fn(sample if spec.takes == "sample" or spec.whole else sample.image, **params)
        if isinstance(out, Sample):
            return out
        if isinstance(out, Covered):
            return sample.covered(np.asarray(out.mask, dtype=np.bool_), out.image)
        if spec.returns in _IMAGES:
            return sample.with_image(out)
        return sample.with_result(name, out)

    def check(self, target: Any) -> Any:
        """Check the first input of a direct call."""
        spec = self.spec
        if isinstance(target, Sample):
            self.check(target.image) if spec.takes in _IMAGES else None
            return target
        if spec.takes in _IMAGES:
            if spec.masks and isinstance(target, np.ndarray) and target.dtype == np.bool_ and target.ndim == 2:
                return as_mask(spec.name, target)
            ends = native.span if native.available() else None
            image = check_image(spec.name, target, unit=spec.unit_range, ends=ends)
            if spec.takes == "rgb" and (image.ndim != 3 or image.shape[2] not in (3, 4)):
                raise ParamError(refusal(spec.name, "image", "RGB or RGBA", image, "Use ops.to_rgb first."))
            return image
        if spec.takes == "mask" and not (
            isinstance(target, np.ndarray) and target.dtype == np.bool_ and target.ndim == 2 and target.size
        ):
            raise ParamError(refusal(spec.name, "mask", "a bool array H W", target, "Use mask > 0."))
        return target

    def call(self, target: Any, given: Mapping[str, Any]) -> Any:
        """Check a direct call and run it."""
        if self.shape == "geometric" and type(target) is np.ndarray and target.dtype.kind == "u" and use_core():
            return self._moved(target, given)
        out = self.run(self.check(target), self.spec.fill(given))
        # a call that changes nothing must not hand out the caller's own memory
        if isinstance(out, np.ndarray) and isinstance(target, np.ndarray) and np.may_share_memory(out, target):
            return out.copy()
        return out

    def _moved(self, image: Array, given: Mapping[str, Any]) -> Array:
        """Move levels: for a shape and parameters that came before only the pixels are left to do.

        All that is checked of levels is their shape and dtype, and our geometry is a function of them and of the
        parameters, so that what was accepted and laid out once stands. A plug-in may see more than its parameters.
        """
        key = (image.shape, image.dtype, *given, *given.values(), *map(type, given.values()))
        try:
            layout = self.layouts.get(key)
        except TypeError:  # an array or a list among the parameters
            layout = None
        if layout is None:
            checked, params = self.check(image), self.spec.fill(given)
            warp = self.warp(Size(image.shape[1], image.shape[0]), params)
            layout = laid_out(warp, checked, params.get("channels", "color"))
            if _PLAIN.issuperset(map(type, given.values())) and self.fn.__module__.startswith(_OWN):
                if len(self.layouts) >= _LAYOUTS:
                    self.layouts.clear()
                self.layouts[key] = layout
        return layout(image)


def operations() -> dict[str, Op]:
    """The registry: every technique by name."""
    return _REGISTRY


@functools.cache
def load_plugins() -> tuple[str, ...]:
    """Import what brings further techniques: entry points `opsin.ops`, and modules named in OPSIN_PLUGINS.

    Called once, when a name is not known or all techniques are listed, so that importing opsin stays quick.
    """
    import os
    from importlib import import_module
    from importlib.metadata import entry_points

    named = [name.strip() for name in os.environ.get("OPSIN_PLUGINS", "").split(",") if name.strip()]
    modules = [*(point.module for point in entry_points(group="opsin.ops")), *named]
    for module in modules:
        import_module(module)
    return tuple(modules)


def op_of(name_or_function: Any) -> Op:
    """Find a technique by its name or its function.

    Raises:
        ParamError: unknown; with the nearest name.
    """
    found = getattr(name_or_function, "__opsin__", None)
    if isinstance(found, Op):
        return found
    if isinstance(name_or_function, str):
        if name_or_function not in _REGISTRY:
            load_plugins()
        if name_or_function in _REGISTRY:
            return _REGISTRY[name_or_function]
        hint = did_you_mean(name_or_function, _REGISTRY)
        raise ParamError(f"'{name_or_function}' is not a technique." + (f" {hint}" if hint else " See opsin ops."))
    raise ParamError(refusal("step", "op", "a technique of opsin.ops or its name", name_or_function))


def _register(fn: Callable[..., Any], shape: OpShape, **words: Any) -> Callable[..., Any]:
    name = fn.__name__
    if name in _REGISTRY and _REGISTRY[name].fn.__module__ != fn.__module__:
        raise OpsinError(f"{name}: registered twice, in {_REGISTRY[name].fn.__module__} and {fn.__module__}.")

    @functools.wraps(fn)
    def call(target: Any, /, *args: Any, **kwargs: Any) -> Any:
        if args:
            kwargs = {**_named(entry.spec, list(entry.spec.params), args), **kwargs}
        return entry.call(target, kwargs)

    if shape != "op":
        # callers hand over a picture or a sample, not the size or the values that the bare function sees
        signature = inspect.signature(fn)
        first, *rest = signature.parameters.values()
        parameters = [first.replace(name="image", annotation=Array), *rest]
        call.__signature__ = signature.replace(parameters=parameters, return_annotation=Array)  # type: ignore[attr-defined]
    entry = Op(fn, call, shape, words)
    call.__opsin__ = entry  # type: ignore[attr-defined]
    if not fn.__module__.startswith(_OWN):
        entry.spec  # noqa: B018 - a plug-in's mistakes are told where it is decorated; ours by the laws
    _REGISTRY[name] = entry
    return call


def _named(spec: OpSpec, names: list[str], args: tuple[Any, ...]) -> dict[str, Any]:
    """Name positional inputs after the first: further pictures and masks only; numbers go by keyword."""
    arrays = [n for n in names if spec.params[n].array or spec.params[n].required]
    if len(args) > len(arrays):
        known = ", ".join(names) or "none"
        raise ParamError(f"{spec.name}: parameters go by keyword; it takes {known}.")
    return dict(zip(arrays, args, strict=False))


@overload
def op(fn: Callable[Concatenate[Any, P], R], /) -> Callable[Concatenate[Any, P], R]: ...
@overload
def op(
    *,
    halo: Callable[..., int] | None = None,
    extra: str = "",
    quantizes: bool = False,
    unit_range: bool = False,
    rescales: bool = False,
    masks: bool = False,
) -> Callable[[Callable[Concatenate[Any, P], R]], Callable[Concatenate[Any, P], R]]: ...
def op(fn: Any = None, /, **words: Any) -> Any:
    """Register a technique that takes pictures and returns anything.

    Args:
        fn: the function; picture first, parameters by keyword.
        words: `halo` (how many pixels around a tile it looks at, from its parameters), `extra` (what must be
            installed), `quantizes` (levels matter: it runs on the picture's own dtype), `unit_range` (floats outside
            0..1 are refused), `rescales` (its result is numbers on another scale: normalize, standardize,
            to_tensor), `masks` (a bool mask H W is accepted in place of a picture, and gives a mask).
    """
    if fn is None:
        return lambda f: op(f, **words)
    return _register(fn, "op", **words)


@overload
def pointwise(fn: Callable[Concatenate[Any, P], Any], /) -> Callable[Concatenate[T, P], T]: ...
@overload
def pointwise(
    *, quantizes: bool = False
) -> Callable[[Callable[Concatenate[Any, P], Any]], Callable[Concatenate[T, P], T]]: ...
def pointwise(fn: Any = None, /, *, quantizes: bool = False) -> Any:
    """Register a technique that maps each value by itself: written once on 0..1, run as a table on integers."""
    if fn is None:
        return lambda f: _register(f, "pointwise", quantizes=quantizes, unit_range=True)
    return _register(fn, "pointwise", quantizes=quantizes, unit_range=True)


def geometric(fn: Callable[Concatenate[Size, P], Warp], /) -> Callable[Concatenate[T, P], T]:
    """Register a technique that says where pixels go: size -> Warp; everything in a sample follows."""
    return _register(fn, "geometric")
