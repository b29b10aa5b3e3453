"""``ablate schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ablate.cli.say import say


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the schema to this file, not to stdout.")
    ] = None,
) -> None:
    """Print the JSON schema of recipes, for editors."""
    import json

    from ablate.cli.output import check_output, put
    from ablate.recipe.recipe import Recipe

    check_output(output)
    put(json.dumps(Recipe.model_json_schema(), indent=2) + "\n", output, remedy="name another file")
    if output is not None:
        say(
            f"{output}: the schema of recipes; make this the first line of a recipe: {modeline(output.name)}",
            err=True,
        )


def modeline(schema: str) -> str:
    """The comment in a YAML file by which editors find its schema."""
    return f"# yaml-language-server: $schema={schema}"
