"""Finders of tasks: a name in a recipe stands for tasks that no plug-in has registered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ablate.errors import PluginError
from ablate.plugins import registry
from ablate.tasks.finder import Found
from ablate.testing import check_task
from tests.workplace import RECIPE, Workplace

CODE = """
import sys
from functools import cache
from typing import ClassVar
from pydantic import Field
from ablate.plugin_api import Found, PluginError, TaskFinder, hookimpl
from ablate.tasks.sts import Sts

class Part(Sts):
    of: ClassVar[str] = ""
    half: bool = Field(False, description="measure half of the items")
    def load(self, source):
        return source.load(self.of)
    def __reduce__(self):
        return _remade, (self.name, self.model_dump())

def _remade(name, given):
    return made(name)(**given)

@cache
def made(name):
    of = name.partition(":")[2]
    members = {{"name": name, "of": of, "split": "dev" if of.endswith("dev") else "test", "help": "found"}}
    return type("Part", (Part,), members | {{"__module__": __name__}})

asked = []

def find(name):
    asked.append(name)
    rest = name.partition(":")[2]
    if rest == "loud":
        print("finding")
        rest = "all"
    if rest == "all":
        return Found((made("{prefix}:stsb-dev"), made("{prefix}:stsb")), "{prefix}:all: two of three")
    if rest == "fails":
        raise OSError("no disk")
    if rest == "nothing":
        return Found(())
    if rest == "other":
        return [made("{prefix}:stsb")]
    if rest not in ("stsb", "stsb-dev"):
        raise PluginError(f"there is no '{{rest}}' here; did you mean 'stsb'?")
    return Found((made(name),))

@hookimpl
def ablate_register_task_finders(register):
    register({finder})
"""

Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution with a finder on the path."""
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.delenv("ABLATE_DISABLE_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(packages)
    registry.cache_clear()

    def put(distribution: str = "parts-dist", prefix: str = "part", finder: str = "") -> str:
        module = f"{tmp_path.name}_{distribution}".replace("-", "_")
        finder = finder or f"TaskFinder('{prefix}', 'a part of STS-B', find)"
        (packages / f"{module}.py").write_text(CODE.format(prefix=prefix, finder=finder))
        info = packages / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ablate]\npoint = {module}\n")
        return module

    yield put
    registry.cache_clear()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    folder = tmp_path / "work"
    folder.mkdir()
    return Workplace(folder, monkeypatch, capsys)


def test_a_name_is_found_when_it_is_used_and_only_once(install: Install) -> None:
    module = install()
    found = registry().found("part:stsb")
    assert isinstance(found, Found)
    assert registry().task_class("part:stsb") is found.tasks[0]
    assert registry().found("part:stsb") is found
    assert __import__(module).asked == ["part:stsb"]
    assert registry().found("stsb") is None
    assert registry().found("parts:stsb") is None
    assert registry().blame(found.tasks[0]()) == " (plug-in parts-dist 1.0)"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("part:stbs", "there is no 'stbs' here; did you mean 'stsb'?"),
        ("part:fails", "plug-in parts-dist 1.0 cannot find 'part:fails': OSError: no disk"),
        (
            "part:nothing",
            "plug-in parts-dist 1.0 finds Found(tasks=(), note='') for 'part:nothing', which is not a Fou",
        ),
        ("part:other", "which is not a Found with tasks"),
        ("part:all", "'part:all' stands for 2 tasks; name one, such as 'part:stsb-dev'"),
        ("prt:stsb", "unknown task 'prt:stsb'"),
    ],
)
def test_a_name_that_is_no_task_is_refused(install: Install, name: str, told: str) -> None:
    install()
    with pytest.raises(PluginError) as caught:
        registry().task_class(name)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_finders_of_one_prefix_are_an_error_that_names_both(install: Install) -> None:
    install("one-dist")
    install("two-dist")
    told = "tasks named 'part:…' are found by one-dist 1.0 and two-dist 1.0; uninstall one, or block it with"
    with pytest.raises(PluginError, match=told):
        registry().found("part:stsb")
    (fault,) = registry().faults()
    assert fault.startswith(told)


@pytest.mark.parametrize(
    ("finder", "told"),
    [
        ("find", "as a finder of tasks, but it is not a TaskFinder"),
        ("TaskFinder('', 'none', find)", "registers a finder of tasks with the prefix ''; use letters and digits"),
        ("TaskFinder('a:b', 'none', find)", "with the prefix 'a:b'"),
    ],
)
def test_a_wrong_finder_breaks_its_plug_in_alone(install: Install, finder: str, told: str) -> None:
    install(finder=finder)
    (broken,) = registry().broken
    assert told in broken.reason
    assert registry().finders == []
    assert registry().task_class("stsb")


def test_the_classes_keep_the_contract_of_tasks(install: Install) -> None:
    install()
    check_task(registry().task_class("part:stsb"))


def test_a_recipe_names_tasks_and_groups(workplace: Workplace, install: Install) -> None:
    install()
    recipe = RECIPE.replace("[sts-dev]", "[sts-dev, 'part:stsb-dev']") + "confirm: ['part:stsb', stsb]\n"
    ran = workplace.run(recipe, "--format", "json", "--output", "rows.json")
    assert ran.code == 0, ran.err
    rows = json.loads(Path("rows.json").read_text())
    by_task = {task: [r["score"] for r in rows if r["task"] == task] for task in ("stsb-dev", "part:stsb-dev")}
    assert by_task["stsb-dev"] == by_task["part:stsb-dev"]
    assert {row["split"] for row in rows if row["task"] == "part:stsb"} == {"test"}
    assert [row["verdict"] for row in rows if row["task"] == "part:stsb"] == [
        row["verdict"] for row in rows if row["task"] == "stsb"
    ]
    group = workplace.run(RECIPE.replace("[sts-dev]", "['part:loud']"), "--dry-run")
    assert group.code == 0, group.err
    assert "part:all: two of three\n" in group.out
    assert "screen on part:stsb-dev, part:stsb: " in group.out
    assert "finding" not in group.out, "what a plug-in prints is no result"


@pytest.mark.parametrize(
    ("screen", "tasks", "told"),
    [
        ("'part:stbs'", "", "r.yaml:7:10: there is no 'stbs' here; did you mean 'stsb'?"),
        (
            "sts-dev",
            "'part:stsb': {half: true}",
            "r.yaml:8:9: 'part:stsb' is not one of the recipe's tasks; valid: sts",
        ),
        (
            "'part:all'",
            "'part:all': {hlf: true}",
            "r.yaml:8:22: task 'part:stsb-dev': unknown parameter 'hlf'; did you",
        ),
        ("'part:stsb'", "'part:stsb': {half: 1}", "r.yaml:8:23: task 'part:stsb', half: must be true or false, not 1"),
        (
            "'part:x'",
            "'part:x': {kind: sts, file: a.csv}",
            "r.yaml:8:9: 'part:x' is the name of a plug-in's task; give",
        ),
    ],
)
def test_refused_at_its_place(workplace: Workplace, install: Install, screen: str, tasks: str, told: str) -> None:
    install()
    workplace.nothing_may_load()
    recipe = RECIPE.replace("[sts-dev]", f"[{screen}]") + f"tasks: {{{tasks}}}\n"
    assert workplace.refused(workplace.run(recipe)).startswith(told)


def test_a_group_takes_parameters_for_its_members(workplace: Workplace, install: Install) -> None:
    install()
    recipe = RECIPE.replace("[sts-dev]", "['part:all']") + "tasks: {'part:all': {half: true}}\n"
    ran = workplace.run(recipe, "--format", "json", "--output", "rows.json")
    assert ran.code == 0, ran.err
    shown = workplace("show", "--format", "json")
    assert {row["task"] for row in json.loads(shown.out)} == {"part:stsb-dev", "part:stsb"}


def test_lists_and_checks_know_it(workplace: Workplace, install: Install) -> None:
    install()
    assert "part:NAME" in workplace("list").out
    (row,) = [row for row in json.loads(workplace("list", "--json").out) if row["name"] == "part:NAME"]
    assert row == {"kind": "task", "name": "part:NAME", "origin": "parts-dist 1.0", "help": "a part of STS-B"}
    assert "registers part:…" in workplace("doctor").out
    checked = workplace("check", "part:stsb")
    assert "task 'part:stsb' of parts-dist 1.0 keeps its contract" in checked.out
    assert workplace("check", "part:all").code == 2


def test_flags_keep_a_comma_in_parentheses() -> None:
    from ablate.recipe.from_flags import comparison

    recipe, _ = comparison("align", "head", "0.1", "minilm", None, "a:B(c, d):E, stsb-dev,x", "0")
    assert recipe.screen == ["a:B(c, d):E", "stsb-dev", "x"]
