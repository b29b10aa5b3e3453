"""An evaluator of sentence-transformers as a task: ``tasks: {mine: {evaluator: "my_module:make_evaluator"}}``.

It has one score, and no value of each item.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ablate.data.encoded import EncodedSet
from ablate.data.items import ItemSet, Source
from ablate.data.texts import Text
from ablate.errors import DataError, PluginError, Undefined, one_line
from ablate.interrupts import any_failure
from ablate.tasks.base import WholeTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ablate.models.model import Model

Evaluator = Callable[..., Any]
"""A ``SentenceEvaluator``."""


@dataclass(frozen=True)
class EvaluatorSet(EncodedSet):
    """The texts that an evaluator encodes. Each query is an item; each text, if there are no queries.

    further: a digest of everything else in the evaluator, such as labels.
    evaluator: itself.
    """

    further: str = field(kw_only=True)
    evaluator: Evaluator = field(kw_only=True, compare=False, repr=False)

    @cached_property
    def hash(self) -> str:
        content = [self.encoded, self.further]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


class EvaluatorTask(WholeTask):
    """The primary metric of a ``SentenceEvaluator``, as it returns it."""

    help: ClassVar[str] = "an evaluator of sentence-transformers"
    metric: ClassVar[str] = "evaluator"
    unit: ClassVar[str] = "score"
    required: ClassVar[tuple[str, ...]] = ("evaluator",)

    evaluator: str | None = Field(None, description="MODULE:FUNCTION, which returns a SentenceEvaluator")
    own_split: Literal["dev", "test"] = Field("dev", alias="split", description="test: only reports; dev: may choose")

    def load(self, source: Source) -> EvaluatorSet:  # noqa: ARG002
        if self.evaluator is None:
            raise DataError(f"task '{self.name}' has no evaluator; give it as MODULE:FUNCTION")
        return _loaded(self.name, self.split, self.evaluator)

    def supports(self, model: Model, data: ItemSet) -> None:  # noqa: ARG002
        if model.similarity != "cosine":
            raise PluginError(
                f"model '{model.name}' asks for the similarity {model.similarity}, and an evaluator gets a model with "
                f"cosine; leave out '{self.name}'"
            )

    def whole(self, data: ItemSet, embeddings: Tensor) -> float:
        if not isinstance(data, EvaluatorSet):
            raise PluginError(f"task '{self.name}': '{data.source}' is no evaluator")
        if not embeddings.isfinite().all():
            raise Undefined("the model's embeddings are not finite")
        rows = {text: row for row, text in enumerate(data.encoded)}

        def known(texts: Sequence[Text]) -> Tensor:
            strange = next((text for text, role in texts if (text, role) not in rows), None)
            if strange is not None:
                raise PluginError(
                    f"the evaluator of task '{self.name}' encodes other texts than before, such as '{strange[:60]}'; "
                    "let it encode the same each time"
                )
            return embeddings[[rows[text] for text in texts]]

        score = scored(data.evaluator, known)
        if not math.isfinite(score):
            raise Undefined(f"the evaluator's score is {score}")
        return score

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made for one recipe, so that another process makes it anew.
        return _remade, (self.name, {"evaluator": self.evaluator, "split": self.split})


def evaluator_task(name: str, given: Mapping[str, Any]) -> type[EvaluatorTask]:
    """The class of a task with an evaluator. The parameters are checked when an object of it is made."""
    return _made(name, str(given.get("split", "dev")))


@cache
def _made(name: str, split: str) -> type[EvaluatorTask]:
    members = {"name": name, "split": split, "__module__": __name__, "__doc__": EvaluatorTask.__doc__}
    return cast("type[EvaluatorTask]", type("EvaluatorTask", (EvaluatorTask,), members))


def _remade(name: str, given: dict[str, Any]) -> EvaluatorTask:
    return evaluator_task(name, given)(**given)


@lru_cache(maxsize=8)
def _loaded(name: str, split: str, place: str) -> EvaluatorSet:
    """Makes the evaluator, and learns what it encodes by running it once with a stand-in for the model."""
    from ablate.tasks.known_model import stand_in

    evaluator = _evaluator(name, place)
    content = json.dumps(_plain(vars(evaluator), set()), sort_keys=True)
    texts: dict[Text, None] = {}

    def noted(asked: Sequence[Text]) -> Tensor:
        texts.update(dict.fromkeys(asked))
        return torch.stack([stand_in(text) for text in asked])

    try:
        score = scored(evaluator, noted)
    except (PluginError, Undefined) as error:
        raise DataError(f"task '{name}': {error}") from None
    except any_failure() as error:
        raise DataError(
            f"task '{name}': its evaluator fails with a stand-in for the model: {one_line(error)}"
        ) from error
    if not texts:
        raise DataError(f"task '{name}': its evaluator encodes no text")
    kind = type(evaluator)
    about = [f"{kind.__module__}.{kind.__qualname__}", content, repr(score)]
    further = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    # As of a set of queries, whose documents others may share, only the queries count as seen.
    queries = [text for text, role in texts if role == "query"]
    items = tuple((text,) for text in dict.fromkeys(queries or [text for text, _ in texts]))
    count = len(items)
    shown = f"{place} ({kind.__name__})"
    return EvaluatorSet(
        *(name, split, shown, items, np.zeros(count), ("",) * count),
        encoded=tuple(texts),
        further=further,
        evaluator=evaluator,
    )


def _evaluator(name: str, place: str) -> Evaluator:
    """Raises DataError: the place is malformed, or what is there cannot be imported or is no evaluator."""
    from sentence_transformers.base.evaluation import SentenceEvaluator

    module, colon, function = place.partition(":")
    if not (module and colon and function.isidentifier()):
        raise DataError(f"task '{name}': evaluator '{place}' is not of the form MODULE:FUNCTION")
    try:
        with _current_folder():
            made = getattr(importlib.import_module(module), function)()
    except any_failure() as error:  # a user's code may raise anything
        raise DataError(
            f"task '{name}': evaluator '{place}' cannot be made: {one_line(error)}; modules are found in the current "
            "folder and on PYTHONPATH"
        ) from error
    if not isinstance(made, SentenceEvaluator):
        raise DataError(f"task '{name}': {place} returns a {type(made).__name__}, which is no SentenceEvaluator")
    if not made.greater_is_better:
        raise DataError(f"task '{name}': lower is better for {place}; let it return the negated score")
    return cast("Evaluator", made)


@contextmanager
def _current_folder() -> Iterator[None]:
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path.remove(os.getcwd())


def scored(evaluator: Evaluator, embeddings_of: Callable[[Sequence[Text]], Tensor]) -> float:
    """The primary metric of an evaluator.

    Raises:
        PluginError: it asks for what a look-up cannot give, or names no primary metric.
    """
    from ablate.tasks.known_model import KnownModel

    found = evaluator(KnownModel(embeddings_of))
    if not isinstance(found, dict):
        return float(found)
    primary = getattr(evaluator, "primary_metric", None)
    if primary not in found:
        has = ", ".join(map(str, found))
        raise PluginError(f"the evaluator's primary_metric is {primary!r}, which is none of its scores: {has}")
    return float(found[primary])


def _plain(value: Any, above: set[int]) -> Any:
    """A value as JSON, the same in every process; of an object, its class and attributes.

    above: the ids of the objects that it is in.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in above:
        return "above"
    inside = above | {id(value)}
    if isinstance(value, np.ndarray | np.generic | Tensor):
        return np.asarray(value).tolist()
    if isinstance(value, Mapping):
        return sorted(([_plain(k, inside), _plain(v, inside)] for k, v in value.items()), key=json.dumps)
    if isinstance(value, set | frozenset):
        return sorted((_plain(one, inside) for one in value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [_plain(one, inside) for one in value]
    if code := getattr(value, "__code__", None):
        return [value.__qualname__, code.co_code.hex(), [repr(c) for c in code.co_consts if not hasattr(c, "co_code")]]
    kind = type(value)
    return [kind.__module__, kind.__qualname__, _plain(getattr(value, "__dict__", {}), inside)]
