"""``ablate schema``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the schema there, not to stdout.")
    ] = None,
) -> None:
    """Print the JSON schema of recipes, for editors."""
    import json

    from ablate.cli.output import check_output, put
    from ablate.recipe.recipe import Recipe

    check_output(output)
    put(json.dumps(Recipe.model_json_schema(), indent=2) + "\n", output, remedy="name another file")
    if output is not None:
        print(f"schema of recipes: {output}; their first line: {modeline(output.name)}", file=sys.stderr)


def modeline(schema: str) -> str:
    """The comment by which editors find a YAML file's schema."""
    return f"# yaml-language-server: $schema={schema}"
