"""Makes a recipe from the options of ``ablate compare``: every cell on every task, without choosing or confirming."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ablate.arguments import argument
from ablate.errors import ModelError
from ablate.files import expanded
from ablate.models.spec import ModelSpec
from ablate.recipe.document import Document, Location
from ablate.recipe.own_options import OwnFiles, put_into
from ablate.recipe.recipe import Recipe, parse

_ARGUMENTS: dict[Location, str] = {
    ("scorers",): "scorers",
    ("granularities",): "granularities",
    ("sparsities",): "sparsities",
    ("seeds",): "seeds",
    ("model",): "model",
    ("model", "pooling"): "pooling",
    ("model", "prompt"): "prompt",
    ("model", "prompt_name"): "prompt_name",
    ("screen",): "tasks",
}


def comparison(
    scorers: str | Sequence[Any],
    granularities: str | Sequence[Any],
    sparsities: str | Sequence[float | str],
    model: str,
    pooling: str | None,
    tasks: str | Sequence[str] | None,
    seeds: str | Sequence[int],
    *,
    prompt: str | None = None,
    prompt_name: str | None = None,
    device: str | None = None,
    precision: str | None = None,
    executor: str | None = None,
    jobs: int | None = None,
    files: OwnFiles = OwnFiles(),  # noqa: B008
    called: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Recipe, Document]:
    """The recipe of a comparison, and the document that names the argument of each value.

    Each list may also be one text, with its items separated by commas.

    Args:
        model: ``minilm``, a folder, or ``ID@REVISION``.
        tasks: None for the files that choose, or ``sts-dev`` if there are none.
        files: own files. Every cell is evaluated on those that choose, beside ``tasks``; the best are confirmed on
            that of ``test``.
        called: those of these arguments that the caller has by other names -> their names there.

    Raises:
        RecipeError: ``argument: what is wrong; what to do``.
        DataError: a file is malformed. The message begins with the argument.
    """
    name, revision = _split_revision(model)
    spec = {"name": name, "revision": revision, "pooling": pooling, "prompt": prompt, "prompt_name": prompt_name}
    tree: dict[str, Any] = {
        "model": {key: value for key, value in spec.items() if value is not None},
        "scorers": _list(scorers),
        "granularities": _list(granularities),
        "sparsities": [_number(item, float) for item in _list(sparsities)],
        "seeds": [_number(item, int) for item in _list(seeds)],
        "screen": _list(["sts-dev"] if tasks is None and not files.choose else tasks or []),
    }
    places = {location: argument(called.get(name, name)) for location, name in _ARGUMENTS.items()}
    document = Document("compare", tree, places)
    document.set_options(device=device, precision=precision, executor=executor, jobs=jobs)
    put_into(document, files, beside=True)
    return parse(document), document


def named_model(text: str) -> ModelSpec:
    """The model that a text names: ``minilm``, a folder, or ``ID@REVISION``.

    Raises:
        ModelError: the text has no name.
    """
    name, revision = _split_revision(text)
    if not name:
        raise ModelError("the model has no name; give minilm, a folder, or a Hub id (ID@REVISION)")
    return ModelSpec(name=name, revision=revision)


def _split_revision(model: str) -> tuple[str, str | None]:
    # The path of a folder may contain an @.
    name, _, revision = (model, "", "") if os.path.exists(expanded(model)) else model.partition("@")
    return name, revision or None


def _list(value: str | Sequence[Any]) -> list[Any]:
    if isinstance(value, str):
        # A comma in parentheses is part of a name, such as that of a benchmark.
        return [item.strip() for item in re.split(r",(?![^()]*\))", value) if item.strip()]
    return list(value)


def _number(item: Any, kind: type[float] | type[int]) -> Any:
    """A text as a number. What is not a number is returned as it is, and the check of the recipe refuses it."""
    # In Python, numbers may come from numpy, and JSON, by which a recipe is checked, does not know its types.
    if isinstance(item, np.generic):
        return item.item()
    try:
        return kind(item) if isinstance(item, str) else item
    except ValueError:
        return item
