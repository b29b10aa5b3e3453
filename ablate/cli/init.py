"""``ablate init``."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ablate.cli import complete, options
from ablate.cli.say import say
from ablate.cli.schema import modeline

if TYPE_CHECKING:
    from ablate.plan.own_recipe import OwnRecipe

SCHEMA = "ablate.schema.json"
"""If this file is in the folder of the new recipe, the recipe's first line refers editors to it."""


def init(
    model: Annotated[
        str,
        typer.Argument(
            help="minilm, a folder, or a Hub id (ID@REVISION, or ID for its newest commit).",
            autocompletion=complete.model,
        ),
    ] = "minilm",
    output: Annotated[Path, typer.Option("--output", "-o", help="The file; must not exist.")] = Path("recipe.yaml"),
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Your own file, divided into train, dev and test by a column or in seeded shares."
        ),
    ] = None,
    dev: options.Dev = None,
    test: options.Test = None,
) -> None:
    """Write a recipe for a model: every key, with what it does and its choices.

    It reads the model's config.json, and does not load the weights. It looks into your own files, and names their
    kind and columns.
    """
    from ablate.cli.output import check_output
    from ablate.errors import AblateError
    from ablate.models.checkpoint import pinned
    from ablate.models.sizes import sizes_of
    from ablate.plugins import registry
    from ablate.recipe.from_flags import named_model
    from ablate.recipe.starter import starter

    if data is not None and (dev is not None or test is not None):
        raise AblateError("--data divides one file; give it alone, or give --dev and --test")
    already_exists = AblateError(f"--output {output}: already exists; name another file, or remove it first")
    check_output(output)
    if os.path.exists(output):
        raise already_exists
    named = named_model(model)
    spec = pinned(named)
    sizes = sizes_of(spec)
    if (output.parent / SCHEMA).is_file():
        editor = modeline(SCHEMA)
    else:
        editor = (
            f"For editors: run `ablate schema -o {SCHEMA}` in this folder, and make this the first line of this file:\n"
            f"# `{modeline(SCHEMA)}`."
        )
    own = _own(data, dev, test)
    text = starter(spec, sizes, registry(), editor, {entry.name: entry.parameters for entry in own.entries})
    try:
        # Mode x, because the file may have been created since the check above.
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise already_exists from None
    except OSError as error:
        with suppress(OSError):
            output.unlink(missing_ok=True)  # a full disk leaves the start of it
        raise AblateError(f"--output {output}: cannot be written ({error.strerror}); name another file") from None
    if named.revision is None and spec.revision is not None:
        say(f"{spec.name} is now at commit {spec.revision}, which the recipe has as `revision`", err=True)
    for line in own.said:
        say(line, err=True)
    say(f"{output}: a recipe for {spec.name} ({sizes}); next: ablate run {output} --dry-run", err=True)


def _own(data: Path | None, dev: Path | None, test: Path | None) -> OwnRecipe:
    """The tasks on the user's own files; none without any."""
    from ablate.plan.own_recipe import divided, given

    return given(dev, test) if data is None else divided(data, f"--data {data}")
