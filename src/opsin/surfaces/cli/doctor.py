"""`opsin doctor`: what is installed here, what that gives, and what is amiss."""

from __future__ import annotations

import json as json_
import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, distributions, metadata, version
from typing import Annotated, Any

import typer
from rich.table import Table

from opsin import __version__
from opsin.op import operations
from opsin.surfaces.cli.app import app, console

__all__ = ["diagnose"]

_FLOORS = {
    "pillow": ("13.0.0", "memory safety of its JPEG and TIFF decoders"),
    "numpy": ("2.0.0", "array semantics"),
    "PyYAML": ("6.0", "safe loading"),
}


def diagnose() -> dict[str, Any]:
    """Collect what is installed, which extras are complete, and what is amiss."""
    from opsin.kernels import core_name

    extras: dict[str, dict[str, Any]] = {}
    base: dict[str, str | None] = {}
    for line in metadata("opsin").get_all("Requires-Dist") or []:
        match = re.match(r"([A-Za-z0-9_.-]+)[^;]*(?:;.*extra == ['\"](\w+)['\"])?", line)
        if not match or match[2] in ("dev", "all"):
            continue
        if match[2] is None:
            base[match[1]] = _version(match[1])
            continue
        have = _version(match[1])
        extras.setdefault(match[2], {"packages": {}})["packages"][match[1]] = have
    for name, extra in extras.items():
        extra["complete"] = all(extra["packages"].values())
        extra["techniques"] = sorted(n for n, e in operations().items() if e.spec.extra == name)
    threads = {
        n: os.environ[n] for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS") if n in os.environ
    }
    return {
        "opsin": __version__,
        "core": core_name(),
        "python": sys.version.split()[0],
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": threads,
        "isolation": "worker processes with memory and time limits",
        "base": base,
        "extras": extras,
        "warnings": _warnings(base),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _warnings(base: dict[str, str | None]) -> list[str]:
    out = []
    for name, (floor, why) in _FLOORS.items():
        have = base.get(name)
        if have is not None and _numbers(have) < _numbers(floor):
            out.append(f"{name} {have} is older than {floor} ({why}); pip install -U {name}")
    owners = sorted(
        d.metadata["Name"] for d in distributions() if (d.metadata["Name"] or "").lower().startswith("opencv-")
    )
    if len(owners) > 1:
        keep = next((o for o in owners if o == "opencv-contrib-python-headless"), owners[0])
        gone = " ".join(o for o in owners if o != keep)
        out.append(
            f"{len(owners)} packages share the folder cv2 ({', '.join(owners)}); pip uninstall -y {gone} && "
            f"pip install --force-reinstall --no-deps {keep}"
        )
    if sys.version_info[:2] == (3, 11) and sys.version_info[2] < 13:
        out.append(
            f"Python {sys.version.split()[0]} has known faults in tarfile and expat; 3.11.13 or later mends them"
        )
    return out


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3])


@app.command("doctor")
def doctor_command(json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> int:
    """Say what is installed, which techniques that gives, and what is amiss."""
    found = diagnose()
    if json:
        typer.echo(json_.dumps(found, indent=2))
        return 0
    console.print(
        f"opsin [bold]{found['opsin']}[/], core {found['core']}, Python {found['python']}, {found['machine']}"
    )
    console.print(f"{found['cores']} cores; jobs run in {found['isolation']}")
    table = Table("extra", "", "techniques", "packages", box=None, pad_edge=False, header_style="dim")
    table.add_row(
        "base",
        "[green]yes[/]",
        _techniques(sorted(n for n, e in operations().items() if not e.spec.extra)),
        _packages(found["base"]),
    )
    for name, extra in found["extras"].items():
        state = "[green]yes[/]" if extra["complete"] else "[yellow]no[/]"
        packages = _packages(extra["packages"])
        if not extra["complete"]:
            packages += f"\npip install 'opsin\\[{name}]'"
        table.add_row(name, state, _techniques(extra["techniques"]), packages)
    console.print(table)
    for warning in found["warnings"]:
        console.print(f"[yellow]warning:[/] {warning}", soft_wrap=True)
    if not found["warnings"]:
        console.print("[green]nothing amiss[/]")
    return 0


def _techniques(names: list[str]) -> str:
    return str(len(names)) if names else ""


def _packages(packages: dict[str, str | None]) -> str:
    return ", ".join(f"{n} {v}" if v else f"[red]{n} missing[/]" for n, v in packages.items())
