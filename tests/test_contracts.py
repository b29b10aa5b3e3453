"""Everything that is built in keeps its contract, and what breaks a contract is found out."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest

from ablate.plugin import Plugin
from ablate.plugins import KINDS, Entry, registry
from ablate.testing.contracts import FAMILIES, check_executor, check_granularity, check_scorer, check_task

OURS = [entry for entry in registry().entries if entry.origin.startswith("ablate ")]


def entries(kind: str) -> Any:
    return pytest.mark.parametrize("entry", [pytest.param(e, id=e.plugin.name) for e in OURS if e.kind == kind])


def choices(plugin: type[Plugin]) -> list[dict[str, Any]]:
    """The parameters of every variant that one choice of a closed list makes."""
    return [
        {field.alias or name: value}
        for name, field in plugin.model_fields.items()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
        if value != field.default
    ]


VARIANTS = [(e, chosen) for e in OURS if e.kind == "scorer" for chosen in choices(e.plugin)]


def test_there_is_something_of_every_kind() -> None:
    assert {entry.kind for entry in OURS} == set(KINDS)


@entries("scorer")
def test_scorer(entry: Entry) -> None:
    check_scorer(entry.plugin, FAMILIES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "chosen"), VARIANTS, ids=[f"{e.plugin.name}-{'-'.join(map(str, c.values()))}" for e, c in VARIANTS]
)
def test_scorer_with_a_choice(entry: Entry, chosen: dict[str, Any]) -> None:
    check_scorer(entry.plugin, ("roberta",), **chosen)  # type: ignore[arg-type]


def test_every_sign_is_among_the_choices() -> None:
    signs = {(e.plugin.name, c["sign"]) for e, c in VARIANTS if "sign" in c}
    assert signs >= {
        ("align", "absolute"),
        ("align", "absolute-example"),
        ("uniform", "absolute"),
        ("combined", "absolute"),
    }


@entries("granularity")
def test_granularity(entry: Entry) -> None:
    check_granularity(entry.plugin, (*FAMILIES, "xlm-roberta"))  # type: ignore[arg-type]


@entries("task")
def test_task(entry: Entry) -> None:
    check_task(entry.plugin)  # type: ignore[arg-type]


@entries("executor")
def test_executor(entry: Entry) -> None:
    check_executor(entry.plugin)  # type: ignore[arg-type]
