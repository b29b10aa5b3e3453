"""``ablate check``: a line for each contract, whose plug-in it is, and the exit status."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from pydantic import Field
from torch import Tensor
from typer.testing import CliRunner, Result

from ablate.cli import app
from ablate.data.items import ItemSet, Source
from ablate.errors import DataError, PluginError, RecipeError
from ablate.plugins import Entry, find_entry, registry
from ablate.scorers.base import Scorer, View
from ablate.scorers.magnitude import Magnitude
from ablate.scorers.statistics import InputNorm
from ablate.tasks.sts import Sts
from ablate.testing.every import contracts_of
from ablate.testing.samples import SampleSource


class Broken(Scorer):
    """Ranks by position, and uses nothing of what it declares."""

    name: ClassVar[str] = "broken"
    help: ClassVar[str] = "for tests"

    def statistics(self) -> tuple[InputNorm, ...]:
        return (InputNorm(),)

    def score(self, view: View) -> Tensor:
        return torch.arange(len(view.layers)).float()


class Raises(Magnitude):
    name: ClassVar[str] = "raises"

    def score(self, view: View) -> Tensor:
        raise ZeroDivisionError(f"at {view.granularity.name},\nof all things")


class Unbounded(Sts):
    """Has pairs of its own, and says nothing of its range."""

    name: ClassVar[str] = "unbounded"
    help: ClassVar[str] = "for tests"
    split: ClassVar[str] = "dev"
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def load(self, source: Source) -> ItemSet:  # noqa: ARG002
        return SampleSource().load("sample")


class WithAFile(Sts):
    """Has to be given a file."""

    name: ClassVar[str] = "with-a-file"
    help: ClassVar[str] = "for tests"
    split: ClassVar[str] = "dev"

    file: Path | None = None
    at: int = Field(1, ge=1)

    def load(self, source: Source) -> ItemSet:
        if self.file is None:
            raise DataError("give it a file")
        assert self.file.exists()
        return source.load("sample")


class Needs(WithAFile):
    """Cannot be without a file, and says so."""

    name: ClassVar[str] = "needs"
    required: ClassVar[tuple[str, ...]] = ("file", "word")

    word: str | None = Field(None, description="of all words")


class Heavier(Magnitude):
    name: ClassVar[str] = "heavier"

    weight: float = Field(gt=0)


class Hurried(Magnitude):
    name: ClassVar[str] = "hurried"
    quick: ClassVar[Mapping[str, Any]] = {"hurry": True}

    hurry: bool = False

    def score(self, view: View) -> Tensor:
        assert self.hurry
        return super().score(view)


@pytest.fixture(autouse=True)
def with_strangers() -> Iterator[None]:
    ours = list(registry().entries)
    registry().entries.extend(
        Entry("scorer", plugin, "their-dist 4.5.6") for plugin in (Broken, Raises, Hurried, Heavier)
    )
    registry().entries.extend(Entry("task", plugin, "their-dist 4.5.6") for plugin in (Unbounded, WithAFile, Needs))
    registry().entries.append(Entry("task", Broken, "their-dist 4.5.6"))
    yield
    registry().entries[:] = ours


def check(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, ["check", *words])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("magnitude", "scorer"), ("head", "granularity"), ("in-process", "executor"), ("qwen3", "architecture")],
)
def test_what_is_built_in_passes(name: str, kind: str) -> None:
    result = check(name)
    assert result.exit_code == 0, result.output
    assert "failed" not in result.stdout
    assert result.stdout.rstrip().endswith("keeps its contract")
    assert f"{kind} '{name}' of ablate-embeddings " in result.stdout
    contracts = contracts_of(kind, registry().get(kind, name))
    assert all(any(contract.name in line for line in result.stdout.splitlines()) for contract in contracts)


def test_a_broken_one_is_told_what_and_whose() -> None:
    result = check("broken", "--kind", "scorer")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    failed = [line for line in lines if line.startswith("failed ")]
    assert len(failed) == 2
    assert "ties" in failed[0]
    assert "another calibration set gives the same" in failed[1]
    assert len([line for line in lines if line.startswith("passed ")]) == 8
    assert lines[-1] == "scorer 'broken' of their-dist 4.5.6 fails 2 of 11 contracts"


def test_one_that_raises_is_told_in_one_line_and_the_rest_is_not_reached() -> None:
    result = check("raises")
    assert result.exit_code == 1
    failed = [line for line in result.stdout.splitlines() if line.startswith("failed ")]
    assert len(failed) == 1
    assert failed[0].endswith("raises ZeroDivisionError: at unstructured, of all things")
    assert result.stdout.count("does not apply") == result.stdout.count("not reached, since") == 8


def test_what_does_not_apply_is_no_failure() -> None:
    result = check("unbounded")
    assert result.exit_code == 0
    assert "does not apply  scores in their range: it states no range\n" in result.stdout
    assert "does not apply  missing data is a DataError: it has data of its own\n" in result.stdout
    assert result.stdout.count("passed ") == 7


def test_parameters_can_be_given(tmp_path: Path) -> None:
    (own := tmp_path / "pairs.txt").write_text("")
    result = check("with-a-file", "--set", f"file={own}", "--set", "at=2")
    assert (result.exit_code, result.stdout.count("passed ")) == (0, 9), result.stdout
    bare = check("with-a-file")
    assert bare.exit_code == 1
    assert "raises DataError: give it a file" in bare.stdout
    assert bare.stdout.rstrip().endswith("its parameters have their defaults; --set NAME=VALUE changes one")


def test_what_has_to_be_given_is_said_before_anything_is_checked(tmp_path: Path) -> None:
    (own := tmp_path / "pairs.txt").write_text("")
    for given, told in {
        ("needs",): "task 'needs' has to be given file and word (of all words); type: ablate check needs "
        "--set file=VALUE --set word=VALUE",
        (
            "needs",
            "--kind",
            "task",
            "--set",
            "at=2",
            "--set",
            "word=a b",
        ): "task 'needs' has to be given file; type: ablate check "
        "needs --kind task --set at=2 --set 'word=a b' --set file=VALUE",
        ("heavier",): "scorer 'heavier' has to be given weight; type: ablate check heavier --set weight=VALUE",
    }.items():
        with pytest.raises(PluginError, match=re.escape(told)):
            CliRunner().invoke(app, ["check", *given], catch_exceptions=False)
    result = check("needs", "--set", f"file={own}", "--set", "word=x")
    assert (result.exit_code, result.stdout.count("passed ")) == (0, 9), result.stdout


def test_each_contract_is_told_when_it_is_done() -> None:
    result = check("magnitude")
    told = result.stderr.splitlines()
    contracts = contracts_of("scorer", Magnitude)
    assert len(told) == len(contracts)
    for number, (line, contract) in enumerate(zip(told, contracts, strict=True), 1):
        assert line.startswith(f"check magnitude: {number} of {len(told)} contracts, ")
        assert line.endswith(f": {contract.name}")


def test_what_is_slow_may_be_checked_with_quick_parameters() -> None:
    result = check("hurried")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0,
        "checked with hurry=True, to be quick; --set sets another value",
    )
    slowly = check("hurried", "--set", "hurry=false")
    assert slowly.exit_code == 1
    assert "raises AssertionError" in slowly.stdout
    assert "to be quick" not in slowly.stdout


def test_gates_are_checked_with_a_short_training() -> None:
    plugin = registry().scorer_class("gates")
    assert plugin(**plugin.quick).trains < 10 < plugin().trains


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("fil=x", "--set fil=x: task 'with-a-file': unknown parameter 'fil'; did you mean 'file'?"),
        ("at=0", "--set at=0: task 'with-a-file', at: must be at least 1, not 0"),
        ("at", "--set at: not of the form a.b=c"),
    ],
)
def test_parameters_that_are_wrong_are_the_users_mistake(given: str, told: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(told)):
        CliRunner().invoke(app, ["check", "with-a-file", "--set", given], catch_exceptions=False)


def test_names_that_are_none_or_two() -> None:
    with pytest.raises(PluginError, match="unknown plug-in 'magnitud'; did you mean 'magnitude'"):
        find_entry(registry(), "magnitud")
    with pytest.raises(PluginError, match="unknown task 'magnitude'"):
        find_entry(registry(), "magnitude", "task")
    with pytest.raises(PluginError, match="'broken' is a scorer and a task; say which with --kind"):
        find_entry(registry(), "broken")
    assert find_entry(registry(), "magnitude").plugin is Magnitude
