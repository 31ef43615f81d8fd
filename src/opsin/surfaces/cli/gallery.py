"""`opsin gallery`: every technique in pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from opsin.surfaces.cli.app import app, console

__all__: list[str] = []


@app.command("gallery")
def gallery_command(
    out: Annotated[str, typer.Option("--out", "-o", help="The folder to write.")] = "opsin-gallery",
) -> int:
    """Draw every technique at the low, the default and the high end of its usual range, on real photographs."""
    from opsin.surfaces.gallery import build_gallery

    page = build_gallery(out)
    console.print(f"gallery: [bold]{page}[/]", soft_wrap=True)
    return 0
