"""From a recipe to its cells."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from torch import Tensor

from ablate.errors import RecipeError
from ablate.models.losses import UNIFORM
from ablate.plan.make_plan import make_plan
from ablate.plan.plan import Cell, Plan
from ablate.plugins import Entry, Registry, registry
from ablate.recipe.document import Document
from ablate.recipe.recipe import load_recipe, parse
from ablate.scorers.base import Scorer, View
from ablate.scorers.statistics import GradientContribution

TREE: dict[str, Any] = {
    "model": {"name": "minilm", "pooling": "mean"},
    "calibration": {"pairs": 8, "sentences": 16},
    "scorers": [{"scorer": "combined", "lambda": 0.25, "sign": "signed", "label": "c"}, "random", {"scorer": "align"}],
    "granularities": ["head", {"granularity": "neuron", "min_keep": 2}],
    "sparsities": [0.1, 0.2],
    "scopes": ["global", "layer"],
    "seeds": [0, 1],
    "cells": [[{"granularity": "head", "scorer": {"scorer": "random", "label": "r"}, "sparsity": 0.5, "seed": 3}]],
    "controls": {"matched": 1, "flipped": True},
}


def plan_of(tree: dict[str, Any], plugins: Registry | None = None) -> Plan:
    document = Document("recipe", tree)
    return make_plan(parse(document), document, plugins or registry())


def test_the_grid_is_the_product_with_seeds_for_those_that_use_one() -> None:
    plan = plan_of(TREE)
    assert len(plan.grid) == 2 * 2 * 2 * (1 + 2 + 1)
    assert [str(cell) for cell in plan.grid[:8]] == [
        "head c 10 %",
        "head c 10 % by layer",
        "head c 20 %",
        "head c 20 % by layer",
        "head random 10 % seed 0",
        "head random 10 % seed 1",
        "head random 10 % by layer seed 0",
        "head random 10 % by layer seed 1",
    ]
    assert [str(cell) for cell in plan.explicit] == ["head r 50 % seed 3"]
    assert {cell.steps[0].granularity.min_keep for cell in plan.cells} == {1, 2}


def test_repeated_values_make_no_second_cell() -> None:
    once = plan_of(TREE | {"cells": []})
    twice = plan_of(
        TREE | {"cells": [], "sparsities": [0.1, 0.2, 0.1], "scopes": ["global", "layer", "layer"], "seeds": [0, 1, 0]}
    )
    assert once.cells == twice.cells


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_limited(count: int) -> None:
    plan = plan_of(TREE)
    assert plan.limited(count).cells == plan.cells[:count]
    assert plan.limited(None) == plan


def shuffled(node: Any, chance: random.Random) -> Any:
    """The same mapping with its keys in another order, at every depth."""
    if isinstance(node, dict):
        keys = list(node)
        chance.shuffle(keys)
        return {key: shuffled(node[key], chance) for key in keys}
    return [shuffled(item, chance) for item in node] if isinstance(node, list) else node


@given(seed=st.integers(0, 2**32), flow=st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_order_of_keys_and_the_style_do_not_matter(
    seed: int, flow: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    yaml = YAML()
    yaml.default_flow_style = flow
    path = tmp_path_factory.mktemp("recipe") / "r.yaml"
    yaml.dump(shuffled(TREE, random.Random(seed)), path)
    plan, same = make_plan(*load_recipe(path), registry()), plan_of(TREE)
    assert plan.cells == same.cells
    assert [cell.identity() for cell in plan.cells] == [cell.identity() for cell in same.cells]


def variants() -> Iterator[tuple[str, Any]]:
    step = {"granularity": "head", "scorer": "align", "sparsity": 0.5}
    yield "granularity", [step | {"granularity": "neuron"}]
    yield "min_keep", [step | {"granularity": {"granularity": "head", "min_keep": 2}}]
    yield "scorer", [step | {"scorer": "uniform"}]
    yield "parameter", [step | {"scorer": {"scorer": "align", "pairs": 3}}]
    yield "sparsity", [step | {"sparsity": 0.25}]
    yield "scope", [step | {"scope": "layer"}]
    yield "steps", [step | {"steps": 2}]
    yield "seed", [step | {"scorer": "random", "seed": 1}]
    yield "other seed", [step | {"scorer": "random", "seed": 2}]
    yield "twice", [step, step]
    yield "then neurons", [step, step | {"granularity": "neuron"}]
    yield "and neurons", [step | {"granularity": ["head", "neuron"]}]
    yield "and fewer neurons", [step | {"granularity": ["head", "neuron"], "sparsity": {"head": 0.5, "neuron": 0.25}}]
    yield "and more neurons", [step | {"granularity": ["head", "neuron"], "sparsity": {"head": 0.25, "neuron": 0.5}}]
    yield "neurons first", [step | {"granularity": "neuron"}, step]
    yield "as it is", [step]


def test_every_part_of_a_step_is_part_of_its_identity() -> None:
    plan = plan_of({"model": "minilm", "cells": [steps for _, steps in variants()]})
    assert len({repr(cell.identity()) for cell in plan.cells}) == len(list(variants()))
    cell = plan.cells[0]
    controls = [cell, cell.as_control("flipped"), cell.as_control("matched", 0), cell.as_control("matched", 1)]
    assert len({repr(one.identity()) for one in controls}) == 4


def test_a_step_of_one_granularity_is_the_same_however_it_is_written() -> None:
    step = {"granularity": "head", "scorer": "align", "sparsity": 0.5}
    ways = [step, step | {"granularity": ["head"]}, step | {"sparsity": {"head": 0.5}}]
    (cell,) = plan_of({"model": "minilm", "cells": [[way] for way in ways]}).cells
    assert cell.only is not None
    assert (cell.only.granularity.name, cell.only.sparsity) == ("head", 0.5)
    assert cell.rivals == ("align", "head")


def test_a_step_of_several_granularities_is_no_cell_of_one() -> None:
    steps = [{"granularity": ["neuron", "head"], "scorer": "combined", "sparsity": {"head": 0.5, "neuron": 0.25}}]
    (cell,) = plan_of({"model": "minilm", "cells": [steps]}).cells
    assert (cell.only, cell.rivals) == (None, None)
    assert [g.name for g in cell.granularities] == ["neuron", "head"]
    (step,) = cell.steps
    assert [str(part) for part in step.parts] == ["neuron combined 25 %", "head combined 50 %"]
    assert step.requests == [request for part in step.parts for request in part.requests]
    with pytest.raises(ValueError, match="too many values"):
        _ = step.granularity
    with pytest.raises(ValueError, match="too many values"):
        _ = step.sparsity


def test_a_label_is_no_part_of_the_identity() -> None:
    def cell(scorer: Any) -> Cell:
        (found,) = plan_of({"model": "m", "scorers": [scorer], "granularities": ["head"], "sparsities": [0.1]}).cells
        return found

    named = cell({"scorer": "align", "label": "mine"})
    assert named.identity() == cell("align").identity()
    assert named.rivals == ("mine", "head")


def test_negative_for_a_signed_scorer() -> None:
    signed = {"scorer": "align", "sign": "signed"}
    tree = {"model": "m", "scorers": [signed], "granularities": ["head"], "sparsities": ["negative"]}
    assert [str(cell) for cell in plan_of(tree).cells] == ["head align negative"]
    with pytest.raises(RecipeError, match=r"^recipe\.sparsities\.0: `negative` removes .*'magnitude'"):
        plan_of(tree | {"scorers": [signed, "magnitude"]})
    with pytest.raises(RecipeError, match=r"^recipe\.cells\.0\.0\.sparsity: `negative` has no equal shares"):
        plan_of(tree | {"cells": [[{"granularity": "head", "scorer": signed, "sparsity": "negative", "steps": 2}]]})


def test_a_scorer_is_used_at_the_granularities_that_it_lists() -> None:
    tree = {"model": "m", "granularities": ["head", "unstructured"], "sparsities": [0.1]}
    limited = {"scorer": "gates", "granularities": ["head"]}
    cells = plan_of(tree | {"scorers": [limited, "magnitude"]}).cells
    assert [str(cell) for cell in cells] == ["head gates 10 %", "head magnitude 10 %", "unstructured magnitude 10 %"]
    (alone,) = plan_of(tree | {"scorers": ["gates"], "granularities": ["head"]}).cells
    assert cells[0].identity() == alone.identity()
    near = {"scorer": "align", "granularities": ["heads"]}
    with pytest.raises(RecipeError, match=r"^recipe\.scorers\.0\.granularities\.0: 'heads' is not .*'head'"):
        plan_of(tree | {"scorers": [near]})
    with pytest.raises(RecipeError, match=r"^recipe\.scorers\.0\.granularities: a value is listed twice: 'head, head'"):
        plan_of(tree | {"scorers": [{"scorer": "align", "granularities": ["head", "head"]}]})
    step = {"granularity": "head", "scorer": limited, "sparsity": 0.1}
    with pytest.raises(RecipeError, match=r"^recipe\.cells\.0\.0\.scorer\.granularities: `granularities` of a scorer"):
        plan_of({"model": "m", "cells": [[step]]})


def test_a_recipe_without_that_key_is_recorded_as_before() -> None:
    document = Document("recipe", {"model": "m", "scorers": ["align"], "granularities": ["head"], "sparsities": [0.1]})
    assert parse(document).model_dump()["scorers"] == [{"scorer": "align", "label": None}]


class PerExample(Scorer):
    """Asks for what no loss over a batch can give."""

    name: ClassVar[str] = "per-example"
    help: ClassVar[str] = "for a test"

    size: int
    levels: tuple[int, ...] = ()

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (GradientContribution(UNIFORM, "absolute-example"),)

    def score(self, view: View) -> Tensor:
        raise NotImplementedError


def test_strangers_plugins_are_checked_alike() -> None:
    plugins = Registry([*registry().entries, Entry("scorer", PerExample, "stranger 1.0")])
    tree = {"model": "m", "granularities": ["head"], "sparsities": [0.1]}

    def refused(parameters: dict[str, Any]) -> str:
        with pytest.raises(RecipeError) as caught:
            plan_of(tree | {"scorers": ["align", {"scorer": "per-example"} | parameters]}, plugins)
        return str(caught.value)

    of = "scorer 'per-example'"
    assert refused({}) == f"recipe.scorers.1: {of} has no 'size'; add it"
    assert refused({"sise": 1}) == f"recipe.scorers.1.sise: {of}: unknown parameter 'sise'; did you mean 'size'?"
    assert refused({"size": "1"}) == f"recipe.scorers.1.size: {of}, size: must be a whole number, not '1'"
    assert refused({"size": 1, "levels": [1, "2"]}) == (
        f"recipe.scorers.1.levels.1: {of}, levels.1: must be a whole number, not '2'"
    )
    assert refused({"size": 1, "levels": [1, 2]}) == (
        "recipe.scorers.1.sign: sign: absolute-example needs a loss that is a mean over examples, and 'uniform' is "
        "not; use sign: absolute"
    )


def test_two_plugins_of_one_name_are_an_error_that_names_both() -> None:
    align = next(entry.plugin for entry in registry().of_kind("scorer") if entry.plugin.name == "align")
    plugins = Registry([*registry().entries, Entry("scorer", align, "stranger 1.0")])
    with pytest.raises(
        RecipeError,
        match=r"^recipe\.scorers\.2\.scorer: scorer 'align' is registered by ablate-embeddings .* and stranger 1",
    ):
        plan_of(TREE, plugins)
