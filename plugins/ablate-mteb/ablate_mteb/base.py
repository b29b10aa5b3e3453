"""The base of MTEB's tasks: the items that MTEB's evaluator looks at, and the values that it gives them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ablate.plugin_api import ItemSet, Model, PluginError, Source, Statistic, Task, Undefined
from ablate_mteb.data import MtebSet, Run, load
from ablate_mteb.encoders import Known, StandIn
from ablate_mteb.prompts import require_prompts
from ablate_mteb.quiet import quietly

_WITHIN = 0.01
"""How far, in points, a score may be from MTEB's own: float32 values of items round."""


class MtebTask(Task):
    """A task of MTEB on one split of one subset."""

    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0, 100)
    mteb_name: ClassVar[str]
    subset: ClassVar[str]
    mteb_split: ClassVar[str]

    def load(self, source: Source) -> MtebSet:  # noqa: ARG002
        return items_of(type(self))

    def supports(self, model: Model, data: ItemSet) -> None:
        require_prompts(model, self._set(data).run.task.metadata, set(data.roles) or {None})

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        if not embeddings.isfinite().all():
            raise Undefined("the model's embeddings are not finite")
        of_mteb = self._set(data)
        encoder = Known({text: row for row, text in enumerate(of_mteb.encoded)}, embeddings)
        with quietly():
            values, score = self.values(of_mteb.run, encoder)
        self._check(values, of_mteb, score)
        return values

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    @abstractmethod
    def statistic(self) -> Statistic: ...

    @abstractmethod
    def items(self, run: Run, learned: StandIn) -> Mapping[str, Any]:
        """The fields of the items: ``texts``, ``gold`` if there is any, ``answers``, and ``further`` for the digest."""

    @abstractmethod
    def values(self, run: Run, encoder: Known) -> tuple[NDArray[np.float32], float]:
        """The values of the items, and MTEB's score of them all, in points."""

    def _set(self, data: ItemSet) -> MtebSet:
        if not isinstance(data, MtebSet):
            raise PluginError(f"task '{self.name}': '{data.source}' has no items of MTEB")
        return data

    def _check(self, values: NDArray[np.float32], data: MtebSet, of_mteb: float) -> None:
        """Refuses a score that is not MTEB's; it would be a fault of this plug-in."""
        try:
            score = self.statistic().value(values, data.gold)
        except Undefined:
            return
        if not abs(score - of_mteb) <= _WITHIN:
            raise PluginError(f"task '{self.name}': the values of the items give {score:.3f}, and MTEB {of_mteb:.3f}")

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made by its name, so that another process makes it anew.
        return _remade, (self.name,)


@lru_cache(maxsize=128)
def items_of(kind: type[MtebTask]) -> MtebSet:
    """The items of a task. A run asks for them several times."""
    run = load(kind.mteb_name, kind.subset, kind.mteb_split)
    with quietly():
        learned = run.learned()
        fields = dict(kind().items(run, learned))
    texts = fields.pop("texts")
    gold = np.array(fields.pop("gold", np.zeros(len(texts))), np.float64)
    further = run.digest(fields.pop("further", ()), kind.subset, kind.mteb_split)
    main = run.task.metadata.main_score
    source = run.source + (f" (MTEB's main score is {main})" if kind.metric == "accuracy" != main else "")
    return MtebSet(
        *(kind.name, kind.split, source, texts, gold, ("",) * len(texts)),
        encoded=tuple(learned.texts),
        further=further,
        run=run,
        **fields,
    )


def _remade(name: str) -> MtebTask:
    from ablate_mteb.names import class_of

    return class_of(name)()
