"""The examples in the help of each command. A test passes each of them to the command line."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "ablate init",
        "ablate run recipe.yaml --dry-run",
        "ablate run recipe.yaml",
        "ablate report",
    ),
    "init": (
        "ablate init",
        "ablate init --data pairs.csv",
        "ablate init path/to/model -o model.yaml",
        "ablate init google-bert/bert-base-uncased@86b5e0934494bd15c9632b12f734a8a67f723594",
    ),
    "run": (
        "ablate run recipes/quick.yaml",
        "ablate run recipes/sts.yaml --dry-run",
        "ablate run recipes/sts.yaml --set calibration.pairs=256 --set controls.matched=20",
        "ablate run recipes/sts.yaml --dev dev.csv --test test.csv",
        "ablate run recipes/sts.yaml --format json -o rows.json",
    ),
    "compare": (
        "ablate compare --scorers align,magnitude --granularities head",
        "ablate compare --scorers align,uniform --sparsities 0.05,0.2 --tasks sts-dev,geometry",
        "ablate compare --scorers align,magnitude --dev pairs.csv",
        "ablate compare --scorers align,magnitude --task faq=pairs:questions.csv --test test.csv",
    ),
    "train": (
        "ablate train recipes/sparsecse-mini.yaml --dry-run",
        "ablate train recipes/sparsecse-mini.yaml --set train.examples=512",
    ),
    "show": (
        "ablate show",
        "ablate show recipes/sts.yaml",
        "ablate show --runs",
        "ablate show --format csv -o rows.csv",
    ),
    "diff": (
        'ablate diff "head × align 10 %"',
        'ablate diff "head × align 10 %" "head × magnitude 10 %"',
    ),
    "report": (
        "ablate report",
        "ablate report recipes/sts.yaml -o sts.html",
        "ablate report --format latex -o tables.tex",
    ),
    "choose": (
        "ablate choose --within 0.2",
        "ablate choose --within 0.5 --faster 1.3",
        "ablate choose --latency --chart front.svg",
    ),
    "export": (
        'ablate export "head × align 20 %" -o small',
        'ablate export "head × align 20 %" -o small --onnx --no-costs',
    ),
    "prevalence": (
        "ablate prevalence recipes/sts.yaml",
        "ablate prevalence recipes/quick.yaml --format json -o prevalence.json",
    ),
    "stability": (
        "ablate stability recipes/sts.yaml",
        "ablate stability recipes/quick.yaml --no-scores --format markdown",
    ),
    "list": (
        "ablate list",
        "ablate list --json",
    ),
    "check": (
        "ablate check align",
        "ablate check my-scorer --kind scorer",
        "ablate check align --set sign=signed --set batch_size=8",
    ),
    "new-plugin": (
        "ablate new-plugin my-scorer",
        "ablate new-plugin my-task --kind task -o plugins/my-task",
    ),
    "schema": (
        "ablate schema",
        "ablate schema -o ablate.schema.json",
    ),
    "doctor": (
        "ablate doctor",
        "ablate doctor --store results.db",
        "ablate doctor --verify 5",
        "ablate doctor --drop-damaged",
    ),
    "data": (
        "ablate data",
        "ablate data --data senteval:downstream --json",
    ),
    "data check": (
        "ablate data check pairs.csv",
        "ablate data check pairs.csv --power",
        "ablate data check dev.csv test.csv --kind sts --column score=similarity",
    ),
    "data fetch": (
        "ablate data fetch",
        "ablate data fetch sts sts-dev",
    ),
}
"""Command -> its examples. The empty string is `ablate` itself."""


def epilog(command: str) -> str:
    """The end of a command's help."""
    # Typer joins lines into paragraphs, unless a blank line separates them.
    return "\n\n".join(("Examples:", *EXAMPLES[command]))
