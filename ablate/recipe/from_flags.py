"""A recipe from flags: every cell on every task, nothing chosen, nothing held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ablate.errors import ModelError
from ablate.models.spec import ModelSpec
from ablate.recipe.document import Document, Location
from ablate.recipe.recipe import Recipe, parse

_FLAGS: dict[Location, str] = {
    ("scorers",): "--scorers",
    ("granularities",): "--granularities",
    ("sparsities",): "--sparsities",
    ("seeds",): "--seeds",
    ("model",): "--model",
    ("model", "pooling"): "--pooling",
    ("screen",): "--tasks",
}


def comparison(
    scorers: str | Sequence[str],
    granularities: str | Sequence[str],
    sparsities: str | Sequence[float | str],
    model: str,
    pooling: str | None,
    tasks: str | Sequence[str],
    seeds: str | Sequence[int],
) -> tuple[Recipe, Document]:
    """The recipe that lists stand for; a text is a comma-separated list. ``model`` may be ``ID@REVISION``.

    Raises:
        RecipeError: ``--flag: what; what to do``.
    """
    name, revision = _parted(model)
    spec = {"name": name, "revision": revision, "pooling": pooling}
    tree: dict[str, Any] = {
        "model": {key: value for key, value in spec.items() if value is not None},
        "scorers": _list(scorers),
        "granularities": _list(granularities),
        "sparsities": [_number(item, float) for item in _list(sparsities)],
        "seeds": [_number(item, int) for item in _list(seeds)],
        "screen": _list(tasks),
    }
    document = Document("compare", tree, dict(_FLAGS))
    return parse(document), document


def named_model(text: str) -> ModelSpec:
    """The model that a text names: ``minilm``, a folder, or ``ID@REVISION``.

    Raises:
        ModelError: it names none.
    """
    name, revision = _parted(text)
    if not name:
        raise ModelError("the model has no name; give minilm, a folder, or a Hub id (ID@REVISION)")
    return ModelSpec(name=name, revision=revision)


def _parted(model: str) -> tuple[str, str | None]:
    name, _, revision = (model, "", "") if Path(model).expanduser().exists() else model.partition("@")
    return name, revision or None


def _list(value: str | Sequence[Any]) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return list(value)


def _number(item: Any, kind: type[float] | type[int]) -> Any:
    """The number that a text stands for; what stands for none is left for the recipe's check to refuse."""
    if isinstance(item, np.generic):
        return item.item()
    try:
        return kind(item) if isinstance(item, str) else item
    except ValueError:
        return item
