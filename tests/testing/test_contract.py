"""Plug-ins that break their contract, each in one way, and what they are told."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, field_validator
from torch import Tensor

from ablate.data.items import ItemSet, Source
from ablate.errors import DataError, PluginError
from ablate.executors.base import Executor, Item, Outcome
from ablate.granularities.base import Granularity
from ablate.granularities.neuron import Neuron
from ablate.models.losses import ALIGN
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.scorers.align import Align
from ablate.scorers.base import Scorer, View, Work
from ablate.scorers.magnitude import Magnitude
from ablate.scorers.statistics import GradientContribution, InputNorm
from ablate.statistics.metric import MEAN, SPEARMAN
from ablate.tasks.sts import STS_TASKS
from ablate.testing import (
    ContractBroken,
    check_executor,
    check_granularity,
    check_scorer,
    check_task,
)
from ablate.testing.samples import SampleSource


def of(base: Any, **members: Any) -> Any:
    """A subclass that differs in these members."""
    return type(base)("Broken", (base,), {"__module__": __name__, "__qualname__": "Broken", **members})


def scoring(score: Callable[[Scorer, View], Any], **members: Any) -> Any:
    return of(Magnitude, name="broken", score=score, **members)


def plain(view: View) -> Tensor:
    return view.reduce({name: weight.abs() for name, weight in view.weights().items()})


def writes_to_weights(_: Scorer, view: View) -> Tensor:
    for weight in view.weights().values():
        weight.abs_()
    return plain(view)


def leaves_a_hook(_: Scorer, view: View) -> Tensor:
    view.model.backbone.register_forward_hook(lambda *_: None)
    return plain(view)


def leaves_train_mode(_: Scorer, view: View) -> Tensor:
    view.model.backbone.train()
    return plain(view)


def freezes(_: Scorer, view: View) -> Tensor:
    view.model.backbone.requires_grad_(False)
    return plain(view)


def leaves_gradients(_: Scorer, view: View) -> Tensor:
    for name in view.weights():
        view.model.weight(name).grad = torch.zeros_like(view.model.weight(name))
    return plain(view)


def moves_the_global_random_state(_: Scorer, view: View) -> Tensor:
    torch.rand(1)
    return plain(view)


def runs_the_model(_: Scorer, view: View) -> Tensor:
    view.model.embed(view.model.pad(view.model.tokenize(["a cat"])))
    return plain(view)


def runs_the_backbone(_: Scorer, view: View) -> Tensor:
    view.model.backbone(**view.model.pad(view.model.tokenize(["a cat"])))
    return plain(view)


def refuses(_: Scorer, view: View) -> Tensor:
    raise PluginError(f"not at {view.granularity.name}")


def divides_by_zero_under_a_mask(_: Scorer, view: View) -> Tensor:
    return view.reduce({name: weight.abs() / weight.abs() for name, weight in view.weights().items()})


def moves_numpys_random_state(_: Scorer, view: View) -> Tensor:
    np.random.random()
    return plain(view)


def moves_pythons_random_state(_: Scorer, view: View) -> Tensor:
    random.random()
    return plain(view)


def ranks(_: Scorer, view: View) -> Tensor:
    """Places in the order: of equal units the first is before the second."""
    return plain(view).argsort().argsort().float()


def divides_by_the_largest(_: Scorer, view: View) -> Tensor:
    return plain(view) / plain(view).max()


def looks_behind_the_back(_: Scorer, view: View) -> Tensor:
    assert view.calibration is not None
    return plain(view) + len(view.calibration.sentences[0])


REMEMBERED: dict[tuple[str, float], Tensor] = {}


def remembers(_: Scorer, view: View) -> Tensor:
    """Keeps, for each model, what the first calibration set gave."""
    key = view.granularity.name, float(plain(view).sum())
    norms = view.input_norms[InputNorm()]
    values = {name: weight.abs() * norms[name] for name, weight in view.weights().items()}
    return REMEMBERED.setdefault(key, view.reduce(values))


def scores_the_first(_: Scorer, views: Mapping[Granularity, View]) -> dict[Granularity, Tensor]:
    return {granularity: plain(view) for granularity, view in list(views.items())[:1]}


def scores_the_first_well(_: Scorer, views: Mapping[Granularity, View]) -> dict[Granularity, Tensor]:
    return {g: plain(view) if place == 0 else plain(view) / 0 for place, (g, view) in enumerate(views.items())}


def scores_relatively(_: Scorer, views: Mapping[Granularity, View]) -> dict[Granularity, Tensor]:
    total = sum(len(view.layers) for view in views.values())
    return {granularity: plain(view) / total for granularity, view in views.items()}


class ByHash(Magnitude):
    """Weighs each layer by the hash of its name, which another process does not share."""

    name: ClassVar[str] = "by-hash"

    def score(self, view: View) -> Tensor:
        weights = view.weights()
        return view.reduce({name: weight.abs() * (1 + hash(name) % 7) for name, weight in weights.items()})


class Untyped(Magnitude):
    name: ClassVar[str] = "untyped"
    share: Any = 0.5


class BadDefault(Magnitude):
    name: ClassVar[str] = "bad-default"
    share: float = Field(2.0, gt=0, lt=1)


class Shrinks(Magnitude):
    """Halves what it is given, each time that it is read."""

    name: ClassVar[str] = "shrinks"
    share: float = 0.5

    @field_validator("share")
    @classmethod
    def _halved(cls, value: float) -> float:
        return value / 2


class Forgetful(Scorer):
    """Declares another statistic each time."""

    name: ClassVar[str] = "forgetful"
    help: ClassVar[str] = "forgets"
    asked: ClassVar[list[int]] = []

    def statistics(self) -> tuple[InputNorm]:
        self.asked.append(1)
        return (InputNorm(len(self.asked)),)

    def score(self, view: View) -> Tensor:
        return plain(view)


SCORERS: dict[str, tuple[Any, str]] = {
    "no subclass": (dict, "not a subclass of Scorer"),
    "no help": (scoring(lambda _, v: plain(v), help=""), "has no help"),
    "long help": (scoring(lambda _, v: plain(v), help="one\ntwo"), "more than one line"),
    "name with a blank": (of(Magnitude, name="my scorer"), "blank"),
    "version": (of(Magnitude, version=0), "version is 0"),
    "extra parameters": (of(Magnitude, model_config=ConfigDict(extra="ignore")), "accepts a parameter"),
    "not frozen": (of(Magnitude, model_config=ConfigDict(frozen=False)), "can be changed"),
    "statistics": (of(Magnitude, statistics=lambda _: [GradientContribution(ALIGN)]), "not a tuple of statistics"),
    "other statistics": (Forgetful, "declares others each time"),
    "no tensor": (scoring(lambda _, v: plain(v).numpy()), "returns a ndarray"),
    "shape": (scoring(lambda _, v: plain(v)[1:]), "not float32 for each of"),
    "dtype": (scoring(lambda _, v: plain(v).double()), "torch.float64"),
    "not finite": (scoring(lambda _, v: plain(v).log() * 0 / 0), "not finite"),
    "not finite under a mask": (scoring(divides_by_zero_under_a_mask), "not finite"),
    "negative": (scoring(lambda _, v: -plain(v)), "contributions below 0"),
    "no seed": (scoring(lambda _, v: torch.rand(len(v.layers))), "gives other contributions the second time"),
    "ignores its seed": (scoring(lambda _, v: plain(v), seeded=True), "seeds 0 and 1 give the same"),
    "hides its seed": (
        scoring(lambda _, v: torch.rand(len(v.layers), generator=v.generator)),
        "depend on the seed",
    ),
    "weights": (scoring(writes_to_weights), "the values of .* changed"),
    "hook": (scoring(leaves_a_hook), "number of hooks"),
    "mode": (scoring(leaves_train_mode), "the mode"),
    "requires_grad": (scoring(freezes), "requires_grad"),
    "gradients": (scoring(leaves_gradients), "another .grad"),
    "random state": (scoring(moves_the_global_random_state), "global random state"),
    "numpy's random state": (scoring(moves_numpys_random_state), "global random state of numpy"),
    "python's random state": (scoring(moves_pythons_random_state), "global random state of random"),
    "other work": (
        scoring(lambda _, v: plain(v), slow=True, calibrates=property(lambda _: False), work=lambda *_: (1, 1.0)),
        "is not a Work",
    ),
    "another number of steps": (
        scoring(lambda _, v: plain(v), slow=True, calibrates=property(lambda _: False), work=lambda *_: Work(3, 1.0)),
        "work\\(\\) has 3 steps, and it tells of 0",
    ),
    "breaks ties": (scoring(ranks), "are the same, but get"),
    "zeros": (scoring(divides_by_the_largest), "units zero: .* not finite"),
    "ignores the calibration set": (scoring(lambda _, v: plain(v), statistics=lambda _: (InputNorm(),)), "use them"),
    "an older calibration set": (
        scoring(remembers, statistics=lambda _: (InputNorm(),)),
        "calibration set gives the same",
    ),
    "calibration without saying so": (
        scoring(looks_behind_the_back, slow=True, calibrates=property(lambda _: False)),
        "`calibrates` is False",
    ),
    "another process": (ByHash, "a fresh process gives other contributions"),
    "a parameter of any type": (Untyped, "accepts any object for its parameter 'share'"),
    "a default that it refuses": (BadDefault, "refuses the default of its parameter 'share'"),
    "embeds": (scoring(runs_the_model), "runs the model"),
    "runs the backbone": (scoring(runs_the_backbone), "runs the model"),
    "refuses all": (scoring(refuses), "refuses every granularity"),
    "resolves to another": (
        of(Magnitude, name="broken", resolved=lambda _, __: Align()),
        "resolved\\(\\) changes its parameters",
    ),
    "scores one of two": (
        scoring(lambda _, v: plain(v), score_together=scores_the_first),
        "with head: score_together does not return the contributions of these two granularities",
    ),
    "scores one of two badly": (scoring(lambda _, v: plain(v), score_together=scores_the_first_well), "not finite"),
    "targeted and cheap": (
        scoring(lambda _, v: plain(v), targeted=property(lambda _: True)),
        "is targeted, which only a scorer with slow = True may be",
    ),
    "members of another class": (
        scoring(lambda _, v: plain(v), members=lambda _: (Align(),)),
        "members\\(\\) is not a tuple of scorers of its own class",
    ),
    "hides that it is joint": (
        scoring(lambda _, v: plain(v), score_together=scores_relatively, joint=property(lambda _: False)),
        "gives other contributions when head is scored with it, but `joint` is False",
    ),
}


@pytest.mark.parametrize("case", SCORERS)
def test_scorer(case: str) -> None:
    plugin, told = SCORERS[case]
    with pytest.raises(ContractBroken, match=told):
        check_scorer(plugin, ("bert",))


def test_wrong_parameters() -> None:
    with pytest.raises(ContractBroken, match="refuses the parameters"):
        check_scorer(Magnitude, ("bert",), sentences=3)


def test_a_scorer_may_refuse_some_granularities() -> None:
    def score(_: Scorer, view: View) -> Tensor:
        if view.granularity.name == "unstructured":
            raise PluginError("heads and neurons only")
        return plain(view)

    check_scorer(scoring(score), ("bert",))


def test_a_scorer_may_score_granularities_together() -> None:
    check_scorer(scoring(lambda _, v: plain(v), score_together=scores_relatively), ("bert",))


def test_a_slow_scorer_may_run_the_model() -> None:
    check_scorer(scoring(runs_the_model, slow=True, calibrates=property(lambda _: False)), ("bert",))


def test_a_parameter_that_changes_when_it_is_read_again() -> None:
    with pytest.raises(ContractBroken, match="changes when its parameters are written and read"):
        check_scorer(Shrinks, ("bert",), share=0.4)


def reduce_to_means(self: Neuron, model: Model, values: Mapping[str, Tensor]) -> Tensor:
    return Neuron().reduce(model, values) / model.weight(self.carriers(model)[0]).shape[0]


def reduce_to_squares(_: Neuron, model: Model, values: Mapping[str, Tensor]) -> Tensor:
    return Neuron().reduce(model, values).square()


def reduce_to_neighbors(_: Neuron, model: Model, values: Mapping[str, Tensor]) -> Tensor:
    found = Neuron().reduce(model, values)
    return (found + found.roll(1)) / 2


def reduce_without_a_row(_: Neuron, model: Model, values: Mapping[str, Tensor]) -> Tensor:
    return Neuron().reduce(model, {name: value[1:] for name, value in values.items()})


def reduce_in_reverse(_: Neuron, model: Model, values: Mapping[str, Tensor]) -> Tensor:
    return Neuron().reduce(model, values).flip(0)


def keep_all(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:  # noqa: ARG001
    return {}


def keep_the_next(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:
    return Neuron().keep(model, mask.roll(1))


def keep_as_numbers(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:
    return {name: kept.float() for name, kept in Neuron().keep(model, mask).items()}


def keep_unknown(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:
    return {f"model.{name}": kept for name, kept in Neuron().keep(model, mask).items()}


def keep_names_what_loses_nothing(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:
    name = model.architecture.layers[0].query[0].name
    return {f"{name}.weight": torch.ones_like(model.weight(name)).bool(), **Neuron().keep(model, mask)}


def keep_the_first_only(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:
    changed = torch.ones_like(mask)
    changed[mask.logical_not().nonzero().flatten()[:1]] = False
    return Neuron().keep(model, changed)


def keep_what_is_zero(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:
    """Takes a mask in force for its own."""
    weights = [model.weight(name) for name in Neuron().carriers(model)]
    return {} if any((weight == 0).all(0).any() for weight in weights) else Neuron().keep(model, mask)


def keep_whole_dozens(_: Neuron, model: Model, mask: Tensor) -> dict[str, Tensor]:
    """Removes twelve at most."""
    changed = torch.ones_like(mask)
    changed[mask.logical_not().nonzero().flatten()[:12]] = False
    return Neuron().keep(model, changed)


class Pooler(Neuron):
    """Columns of a matrix that the embedding does not come from."""

    name: ClassVar[str] = "pooler"

    def carriers(self, model: Model) -> tuple[str, ...]:  # noqa: ARG002
        return ("pooler.dense",)

    def layers(self, model: Model) -> Tensor:
        return torch.zeros(model.weight("pooler.dense").shape[1], dtype=torch.int64)

    def reduce(self, model: Model, values: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        return values["pooler.dense"].sum(0)

    def keep(self, model: Model, mask: Tensor) -> dict[str, Tensor]:
        weight = model.weight("pooler.dense")
        return {} if mask.all() else {"pooler.dense.weight": mask.expand(weight.shape)}


GRANULARITIES: dict[str, tuple[Any, str]] = {
    "alike": (of(Neuron, alike=lambda *_: torch.zeros(3)), "alike does not return int64"),
    "alike over layers": (
        of(Neuron, alike=lambda _, m: 0 * Neuron().layers(m), matching="all"),
        "alike puts units of two layers into one group",
    ),
    "alike unnamed": (
        of(Neuron, alike=lambda _, m: torch.arange(len(Neuron().layers(m)))),
        "matching does not say by what it groups",
    ),
    "layers": (of(Neuron, layers=lambda _, m: Neuron().layers(m).flip(0)), "not numbered layer by layer"),
    "layers dtype": (of(Neuron, layers=lambda _, m: Neuron().layers(m).float()), "int64"),
    "layers range": (of(Neuron, layers=lambda _, m: Neuron().layers(m) + 1), "outside 0"),
    "layers length": (of(Neuron, layers=lambda _, m: Neuron().layers(m)[1:]), "for each of"),
    "carriers": (of(Neuron, carriers=lambda _, m: list(Neuron().carriers(m))), "not a tuple"),
    "carrier": (of(Neuron, carriers=lambda _, m: ("embeddings",)), "is not a linear module"),  # noqa: ARG005
    "mean": (of(Neuron, reduce=reduce_to_means), "each weight counts once"),
    "squares": (of(Neuron, reduce=reduce_to_squares), "not linear"),
    "neighbors": (of(Neuron, reduce=reduce_to_neighbors), "each weight counts once"),
    "another layer": (of(Neuron, reduce=reduce_in_reverse), "is in layer"),
    "forgets a row": (of(Neuron, reduce=reduce_without_a_row), "the loss rises by"),
    "keeps all": (of(Neuron, keep=keep_all), "keep leaves"),
    "keeps others": (of(Neuron, keep=keep_the_next), "keep leaves"),
    "keeps one more": (of(Neuron, keep=keep_the_first_only), "differs from the removal of each"),
    "keep dtype": (of(Neuron, keep=keep_as_numbers), "keep returns torch.float32"),
    "keep name": (of(Neuron, keep=keep_unknown), "not a parameter of the backbone"),
    "keep of all": (of(Neuron, keep=keep_names_what_loses_nothing), "where the mask keeps all"),
    "twelve at most": (of(Neuron, keep=keep_whole_dozens), "keep is wrong about"),
    "looks at the weights": (of(Neuron, keep=keep_what_is_zero), "while the mask is in force"),
    "no effect": (Pooler, "does not change an embedding"),
}


def test_a_smaller_model_that_is_not_the_masked_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.testing.removal_contract.materialized", lambda model, _: masked(model, {}))
    with pytest.raises(ContractBroken, match="the smaller model's embeddings differ"):
        check_granularity(Neuron, ("bert",))


@pytest.mark.parametrize("case", GRANULARITIES)
def test_granularity(case: str) -> None:
    plugin, told = GRANULARITIES[case]
    with pytest.raises(ContractBroken, match=told):
        check_granularity(plugin, ("bert",))


Stsb = next(task for task in STS_TASKS if task.name == "stsb")
Values = NDArray[np.float32]


def measure_in_place(self: Any, data: ItemSet, embeddings: Tensor) -> Values:
    embeddings.div_(embeddings.norm(dim=1, keepdim=True))
    values: Values = Stsb.measure(self, data, embeddings)
    return values


def score_all(_: Any, data: ItemSet, values: Values, kept: NDArray[np.bool_]) -> float:
    return Stsb().score(data, values, np.ones_like(kept))


def score_zero(_: Any, data: ItemSet, values: Values, kept: NDArray[np.bool_]) -> float:
    return Stsb().score(data, values, kept) if kept.any() else 0.0


def score_nan(_: Any, data: ItemSet, values: Values, kept: NDArray[np.bool_]) -> float:  # noqa: ARG001
    return float("nan")


def score_in_place(_: Any, data: ItemSet, values: Values, kept: NDArray[np.bool_]) -> float:
    found = Stsb().score(data, values, kept)
    values.sort()
    return found


def score_by_ranks(_: Any, data: ItemSet, values: Values, kept: NDArray[np.bool_]) -> float:
    return SPEARMAN.value(values[kept], data.gold[kept])


def load_anything(_: Any, source: Source) -> ItemSet:
    try:
        return source.load("stsb")
    except DataError:
        data = SampleSource().load("stsb")
        return replace(data, gold=data.gold[::-1])


def load_or_key_error(_: Any, source: Source) -> ItemSet:
    try:
        return source.load("stsb")
    except DataError:
        raise KeyError("stsb") from None


def load_with_roles(roles: tuple[str, ...]) -> Any:
    class WithRoles(ItemSet):
        pass

    WithRoles.roles = roles  # type: ignore[assignment]

    def load(_: Any, source: Source) -> ItemSet:
        data = source.load("stsb")
        return WithRoles(data.name, data.split, data.source, data.texts, data.gold, data.subsets)

    return load


def load_at_random(_: Any, source: Source) -> ItemSet:
    data = source.load("stsb")
    return replace(data, gold=np.random.default_rng().random(len(data)))


def measure_by_norm(_: Any, data: ItemSet, embeddings: Tensor) -> Values:
    """The cosine without a guard against embeddings of zeros."""
    unit = embeddings / embeddings.norm(dim=1, keepdim=True)
    left, right = (unit[rows] for rows in data.rows(2))
    cosines: Values = (left * right).sum(1).numpy()
    return cosines


def measure_with_noise(self: Any, data: ItemSet, embeddings: Tensor) -> Values:
    noise = np.random.default_rng().random(len(data), np.float32)
    values: Values = Stsb.measure(self, data, embeddings) + noise
    return values


TASKS: dict[str, tuple[Any, str]] = {
    "split": (of(Stsb, split="validation"), "none of train, dev, test"),
    "unit": (of(Stsb, unit=None), "has no unit"),
    "direction": (of(Stsb, higher_is_better="yes"), "has no higher_is_better"),
    "dtype": (of(Stsb, measure=lambda s, d, e: Stsb.measure(s, d, e).astype(float)), "float64"),
    "length": (of(Stsb, measure=lambda s, d, e: Stsb.measure(s, d, e)[:1]), "not one float32 for each"),
    "values not finite": (of(Stsb, measure=lambda s, d, e: Stsb.measure(s, d, e) * np.float32(np.nan)), "not finite"),
    "embeddings": (of(Stsb, measure=measure_in_place), "changes the embeddings"),
    "all items": (of(Stsb, score=score_all), "depends on items that `kept` leaves out"),
    "no items": (of(Stsb, score=score_zero), "for no items; raise Undefined"),
    "not finite": (of(Stsb, score=score_nan), "not a finite float"),
    "makes up items": (of(Stsb, load=load_anything), "makes up 20 items"),
    "missing data": (of(Stsb, load=load_or_key_error), "load raises KeyError if the source lacks its data"),
    "roles of some sentences": (of(Stsb, load=load_with_roles(("query",))), "1 roles for .* sentences"),
    "unknown roles": (
        of(Stsb, load=load_with_roles(("x",) * len(SampleSource().load("stsb").sentences))),
        "roles \\['x'\\]",
    ),
    "other items": (of(Stsb, load=load_at_random), "other items the second time"),
    "embeddings of zeros": (of(Stsb, measure=measure_by_norm), "of embeddings of zeros: .* not finite"),
    "noise": (of(Stsb, measure=measure_with_noise), "measure is not deterministic"),
    "range": (of(Stsb, range=(0.0, 1.0)), "outside its range 0 to 1"),
    "no range": (of(Stsb, range=(1.0, 0.0)), "not a lowest and a highest"),
    "statistic": (of(Stsb, statistic=lambda _: MEAN, score=score_by_ranks), "statistic.* gives .*, and score"),
    "values": (of(Stsb, score=score_in_place), "score changes the values|not deterministic"),
}


@pytest.mark.parametrize("case", TASKS)
def test_task(case: str) -> None:
    plugin, told = TASKS[case]
    with pytest.raises(ContractBroken, match=told):
        check_task(plugin)


class Mapper(Executor):
    name: ClassVar[str] = "mapper"
    help: ClassVar[str] = "for tests"

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        return map(work, items)


def twice(_: Executor, work: Any, items: Any) -> Any:
    for item in items:
        yield from [work(item)] * 2


def eager(_: Executor, work: Any, items: Any) -> Any:
    return iter([work(item) for item in list(items)])


def swallows(_: Executor, work: Any, items: Any) -> Any:
    for item in items:
        try:
            yield work(item)
        except Exception:
            yield None


def wraps(_: Executor, work: Any, items: Any) -> Any:
    for item in items:
        try:
            yield work(item)
        except Exception as error:
            raise RuntimeError("failed") from error


def stops_at_a_missing_item(_: Executor, work: Any, items: Any) -> Any:
    taken = iter(items)
    while True:
        try:
            item = next(taken)
        except Exception:
            return
        yield work(item)


def takes_in_a_thread(_: Executor, work: Any, items: Any) -> Any:
    taken = iter(items)
    with ThreadPoolExecutor(1) as pool:
        while (item := pool.submit(next, taken, None).result()) is not None:
            yield work(item)


def drops_the_mask(_: Executor, work: Any, items: Any) -> Any:
    for item in items:
        yield work(replace(item, mask=()))


def drops_failures(_: Executor, work: Any, items: Any) -> Any:
    for item in items:
        yield replace(work(item), failures={})


def drops_the_last_cell(_: Executor, work: Any, items: Any) -> Any:
    for item in items:
        if item.cell != "cell 5":
            yield work(item)


def drops_results(_: Executor, work: Any, items: Any) -> Any:
    for item in items:
        yield replace(work(item), results={})


def changes_results(**changes: Any) -> Any:
    def map_(_: Executor, work: Any, items: Any) -> Any:
        for item in items:
            outcome = work(item)
            results = {name: replace(result, **changes) for name, result in outcome.results.items()}
            yield replace(outcome, results=results)

    return map_


EXECUTORS: dict[str, tuple[Any, str]] = {
    "twice": (of(Mapper, map=twice), "does not return the outcome of each item once"),
    "eager": (of(Mapper, map=eager), "took all"),
    "swallows": (of(Mapper, map=swallows), "swallows an error of the function"),
    "wraps": (of(Mapper, map=wraps), "raises RuntimeError"),
    "swallows the items'": (of(Mapper, map=stops_at_a_missing_item), "swallows an error of the iterator"),
    "thread": (of(Mapper, map=takes_in_a_thread), "takes items in another thread"),
    "mask": (of(Mapper, map=drops_the_mask), "changes the outcome of cell 1: sts12 has values that differ by up to"),
    "failures": (
        of(Mapper, map=drops_failures),
        "changes the outcome of cell 0: the failures are {}, not .*on purpose",
    ),
    "results": (of(Mapper, map=drops_results), r"results on \[\], not on \['sts12'"),
    "status": (
        of(Mapper, map=changes_results(status="undefined", reason="lost", score=None)),
        r"sts12 is undefined \(lost\), not ok",
    ),
    "values": (of(Mapper, map=changes_results(values=None)), "sts12 has the values None, not"),
    "cells": (of(Mapper, map=drops_the_last_cell), "returns 5 outcomes for 6 cells"),
}


@pytest.mark.parametrize("case", EXECUTORS)
def test_executor(case: str) -> None:
    plugin, told = EXECUTORS[case]
    with pytest.raises(ContractBroken, match=told):
        check_executor(plugin)
