"""`opsin fit`, `predict` and `evaluate`: classic classifiers."""

from __future__ import annotations

import json as json_
import os
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from opsin.errors import OpsinError, ParamError, refusal
from opsin.surfaces.cli.app import app, console, errors
from opsin.surfaces.cli.words import read_pipeline

__all__: list[str] = []

_BALANCE = ("none", "weights", "over", "under")


def _bar(quiet: bool) -> Progress:
    return Progress(console=errors, transient=True, disable=quiet or not errors.is_terminal)


@app.command("fit")
def fit_command(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The data set: a folder of classes, or any format.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The folder that the classifier is written into.")],
    features: Annotated[str, typer.Option(help="hog, gabor_bank, lbp or color.")] = "hog",
    model: Annotated[str, typer.Option(help="logistic or neighbors.")] = "logistic",
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="A pipeline file; stored inside.")] = None,
    side: Annotated[int, typer.Option(help="Without a pipeline: side in pixels that hog brings pictures to.")] = 48,
    balance: Annotated[str, typer.Option(help="Classes of different size: none, weights, over or under.")] = "none",
    neighbors: Annotated[int, typer.Option(help="How many neighbors vote.")] = 5,
    folds: Annotated[int, typer.Option(help="Judge by cross-validation first; 0 does not.")] = 5,
    seed: Annotated[int, typer.Option(help="Of folds and resampling.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Learn to tell classes apart, judge it by cross-validation, and write the classifier with its pipeline."""
    from opsin.tasks import Classifier, hog_classifier

    if balance not in _BALANCE:
        raise ParamError(refusal("fit", "--balance", "one of " + ", ".join(_BALANCE), balance))
    words: dict[str, Any] = {"model": model, "neighbors": neighbors, "seed": seed}
    words["weights"] = "balanced" if balance == "weights" else None
    words["resample"] = balance if balance in ("over", "under") else None
    if pipeline is not None:
        words["pipeline"] = read_pipeline(pipeline)
    task = hog_classifier(side, **words) if features == "hog" else Classifier(features, **words)
    judged = None
    with _bar(json) as bar:
        step = bar.add_task("looking at pictures", total=None)
        # one pass over the pictures serves both
        vectors, names = task.vectors(source, progress=lambda n: bar.advance(step, n))
        if folds:
            judged = task.cross_validate_vectors(vectors, names, folds=folds)
        task.fit_vectors(vectors, names)
    task.save(out)
    if json:
        plain = {"classifier": out, "classes": list(task.classes), "pictures": len(names)}
        typer.echo(json_.dumps({**plain, "cross_validation": judged.to_dict() if judged else None}, indent=2))
        return 0
    console.print(f"[bold]{len(names)}[/] pictures, {len(task.classes)} classes: {escape(out)}", soft_wrap=True)
    if judged is not None:
        each = ", ".join(f"{f:.3f}" for f in judged.folds)
        console.print(f"accuracy in {folds} folds: [bold]{judged.accuracy:.3f}[/] [dim]({each})[/]")
    return 0


@app.command("predict")
def predict_command(
    classifier: Annotated[str, typer.Argument(metavar="CLASSIFIER", help="The folder that `opsin fit` wrote.")],
    pictures: Annotated[list[str], typer.Argument(metavar="PICTURES...", help="Files, or folders of them.")],
    json: Annotated[bool, typer.Option("--json", help="Print as JSON lines.")] = False,
) -> int:
    """Say the class of pictures; a picture that cannot be read is said and passed over."""
    from opsin.datasets.files import Tree, is_picture
    from opsin.tasks import load

    task = load(classifier)
    bad = 0
    for given in pictures:
        paths = [given]
        if os.path.isdir(given):
            paths = [os.path.join(given, *n.split("/")) for n in Tree(given).walk() if is_picture(n)]
        for path in paths:
            try:
                found = task.predict(path)
            except OpsinError as reason:
                bad += 1
                errors.print(f"[red]not read[/] {escape(path)}: {escape(str(reason))}", soft_wrap=True)
                continue
            if json:
                typer.echo(json_.dumps({"path": path, **found.to_dict()}))
            else:
                console.print(f"{escape(found.label)}  {found.score:.3f}  [dim]{escape(path)}[/]", soft_wrap=True)
    return 3 if bad else 0


@app.command("evaluate")
def evaluate_command(
    classifier: Annotated[str, typer.Argument(metavar="CLASSIFIER", help="The folder that `opsin fit` wrote.")],
    source: Annotated[str, typer.Argument(metavar="SRC", help="A data set whose classes are known.")],
    out: Annotated[str | None, typer.Option("--out", "-o", help="Write the confusion matrix as a picture.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Judge a classifier: accuracy, and precision, recall and F1 of each class."""
    from opsin.tasks import load

    task = load(classifier)
    with _bar(json) as bar:
        step = bar.add_task("looking at pictures", total=None)
        judged = task.evaluate(source, progress=lambda n: bar.advance(step, n))
    if out is not None:
        from opsin.io import write

        write(judged.draw(), out)
    if json:
        typer.echo(json_.dumps(judged.to_dict(), indent=2))
        return 0
    console.print(
        f"accuracy [bold]{judged.accuracy:.3f}[/], balanced {judged.balanced_accuracy:.3f}, "
        f"{len(judged.truth)} pictures"
    )
    table = Table("class", "precision", "recall", "F1", "pictures", box=None, pad_edge=False, header_style="dim")
    rows = zip(judged.classes, judged.precision, judged.recall, judged.f1, judged.confusion.sum(axis=1), strict=True)
    for name, *figures, count in rows:
        table.add_row(escape(name), *(f"{f:.3f}" for f in figures), str(count))
    console.print(table)
    return 0
