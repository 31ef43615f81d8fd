"""The command's frame: one application, its exit codes, and how a refusal reads."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pkgutil import iter_modules

import typer
from rich.console import Console

from opsin import __version__
from opsin.errors import OpsinError
from opsin.run.job import EXIT_BUSY, EXIT_DISK, EXIT_STOPPED, JobStop
from opsin.run.lock import FolderBusy

__all__ = ["app", "console", "errors", "fail", "main"]

app = typer.Typer(
    name="opsin",
    help="Image processing for machine learning: one definition prepares, augments, serves and explains.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def fail(code: int, message: str) -> typer.Exit:
    """Print one line on standard error and give the exit to raise."""
    errors.print(f"[bold red]opsin:[/] {_plain(message)}", soft_wrap=True)
    return typer.Exit(code)


def _plain(message: str) -> str:
    """Make a message one line without control characters or markup."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else " " for c in message))


def _version(asked: bool) -> None:
    if asked:
        console.print(f"opsin {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Image processing for machine learning: one definition prepares, augments, serves and explains."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command; every refusal is one line, never a traceback."""
    for module in iter_modules(import_module("opsin.surfaces.cli").__path__):
        if module.name not in ("app", "words"):
            import_module(f"opsin.surfaces.cli.{module.name}")
    code = _run(arguments)
    _flush()
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        result = app(args=arguments, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.Exit as leave:
        return leave.exit_code
    except JobStop as stop:
        fail(stop.code, str(stop))
        return stop.code
    except FolderBusy as busy:
        fail(EXIT_BUSY, str(busy))
        return EXIT_BUSY
    except OpsinError as refusal:
        fail(2, str(refusal))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        fail(EXIT_STOPPED, "stopped.")
        return EXIT_STOPPED
    except BrokenPipeError:
        # the reader has gone, as `opsin ops | head -1` does; there is nobody left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as reason:
        fail(EXIT_DISK, f"{reason.filename or 'file'}: {reason.strerror or reason}")
        return EXIT_DISK
    except Exception as reason:
        shown = getattr(reason, "format_message", None)
        if shown is None:
            raise
        fail(2, shown())
        return 2


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
