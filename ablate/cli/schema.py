"""``ablate schema``."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON schema of recipes, for editors."""
    import json

    from ablate.experiment.recipe import Recipe

    print(json.dumps(Recipe.model_json_schema(), indent=2))
