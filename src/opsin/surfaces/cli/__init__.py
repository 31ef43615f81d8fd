"""The `opsin` command: Typer for the words, Rich for the screen, one line for every refusal."""

from opsin.surfaces.cli.app import main

__all__ = ["main"]
