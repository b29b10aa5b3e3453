"""A task that has to be given a parameter is refused at its place, before a model loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from ablate.plugins import Entry, registry
from ablate.tasks.sts import Sts
from tests.workplace import RECIPE, Workplace


class Needs(Sts):
    name: ClassVar[str] = "needs"
    help: ClassVar[str] = "for tests"
    split: ClassVar[str] = "dev"
    required: ClassVar[tuple[str, ...]] = ("file",)

    file: Path | None = Field(None, description="of pairs")


@pytest.fixture(autouse=True)
def with_a_stranger() -> Iterator[None]:
    ours = list(registry().entries)
    registry().entries.append(Entry("task", Needs, "their-dist 4.5.6"))
    yield
    registry().entries[:] = ours


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "7:19: task 'needs' has no 'file' (of pairs); give it in tasks: {needs: {file: …}}"),
        ("confirm: [stsb, needs]\n", "8:17: task 'needs' has no 'file' (of pairs); give it in tasks"),
        ("confirm: {tasks: [stsb, needs], cells: all}\n", "8:25: task 'needs' has no 'file'"),
        ("tasks: {needs: {}}\n", "8:9: task 'needs' has no 'file' (of pairs); add it"),
    ],
)
def test_a_parameter_that_has_to_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: str, told: str
) -> None:
    workplace = Workplace(tmp_path, monkeypatch, capsys)
    workplace.nothing_may_load()
    text = RECIPE if more.startswith("confirm") else RECIPE.replace("[sts-dev]", "[sts-dev, needs]")
    assert workplace.refused(workplace.run(text + more)).startswith(f"r.yaml:{told}")
