"""Everything that is built in keeps its contract, and what breaks a contract is found out."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest

from ablate.plugin import Plugin
from ablate.plugins import KINDS, registry
from ablate.testing import FAMILIES, check_executor, check_granularity, check_scorer, check_task

OURS = [entry for entry in registry().entries if entry.built_in]


def named(kind: str) -> list[Any]:
    return [pytest.param(e.plugin, id=e.plugin.name) for e in OURS if e.kind == kind]


def choices(plugin: type[Plugin]) -> list[dict[str, Any]]:
    """The parameters of every variant that one choice of a closed list makes."""
    return [
        {field.alias or name: value}
        for name, field in plugin.model_fields.items()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
    ]


# Exact removal of each single weight, even of a tiny model, takes minutes.
SHORT: dict[str, dict[str, Any]] = {"oracle": {"group": 400}, "gates": {"updates": 4}}

VARIANTS: list[tuple[Any, dict[str, Any]]] = [
    (entry.plugin, chosen) for entry in OURS if entry.kind == "scorer" for chosen in choices(entry.plugin)
]


def test_there_is_something_of_every_kind() -> None:
    assert {entry.kind for entry in OURS} == set(KINDS)


@pytest.mark.parametrize("plugin", named("scorer"))
def test_scorer(plugin: Any) -> None:
    check_scorer(plugin, FAMILIES, **SHORT.get(plugin.name, {}))


@pytest.mark.parametrize(
    ("plugin", "chosen"), VARIANTS, ids=[f"{p.name}-{'-'.join(map(str, c.values()))}" for p, c in VARIANTS]
)
def test_scorer_with_a_choice(plugin: Any, chosen: dict[str, Any]) -> None:
    check_scorer(plugin, ("roberta",), **SHORT.get(plugin.name, {}) | chosen)


def test_every_sign_is_among_the_choices() -> None:
    signs = {(plugin.name, chosen["sign"]) for plugin, chosen in VARIANTS if "sign" in chosen}
    both = {(name, sign) for name in ("align", "uniform", "combined", "correlation") for sign in ("signed", "absolute")}
    assert signs == both | {("align", "absolute-example")}


@pytest.mark.parametrize("plugin", named("granularity"))
def test_granularity(plugin: Any) -> None:
    check_granularity(plugin, (*FAMILIES, "xlm-roberta"))


@pytest.mark.parametrize("plugin", named("task"))
def test_task(plugin: Any) -> None:
    check_task(plugin)


# Those with workers have a test of their own, in tests/executors.
@pytest.mark.parametrize(
    "plugin", [one for one in named("executor") if one.values[0].name not in ("processes", "dask")]
)
def test_executor(plugin: Any) -> None:
    check_executor(plugin)
