"""Third-party plug-ins: real distributions on the path, found through their metadata."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ablate import hookspecs, plugin_api
from ablate.cli import app
from ablate.errors import PluginError, RecipeError
from ablate.plan.make_plan import make_plan
from ablate.plan.plan import Plan
from ablate.plugins import KINDS, registry
from ablate.recipe.recipe import load_recipe
from ablate.testing import check_architecture, check_executor, check_granularity, check_task

ROOT = Path(__file__).parents[1]
WANDA = ROOT / "plugins" / "ablate-wanda"
PAGE = (ROOT / "docs" / "plugins.md").read_text()

SCORER = """
from typing import ClassVar
from ablate.plugin_api import hookimpl
from ablate.scorers.base import Scorer
{before}
class Mine(Scorer):
    name: ClassVar[str] = "{name}"
    help: ClassVar[str] = "scores"
    depth: int = 3
    def score(self, view):
        raise NotImplementedError
@hookimpl
def {hook}(register):
    register({register})
"""


def module(
    name: str = "mine", *, before: str = "", hook: str = "ablate_register_scorers", register: str = "Mine"
) -> str:
    return SCORER.format(name=name, before=before, hook=hook, register=register)


Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution of one module on the path, under a module name that no other test uses."""
    monkeypatch.delenv("ABLATE_DISABLE_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    registry.cache_clear()

    def put(distribution: str, code: str, version: str = "1.2.3", point: str = "point") -> str:
        imported = f"{tmp_path.name}_{distribution}".replace("-", "_")
        (tmp_path / f"{imported}.py").write_text(code)
        describe(tmp_path, distribution, version, {point: imported})
        return imported

    yield put
    registry.cache_clear()


def describe(folder: Path, distribution: str, version: str, points: dict[str, str]) -> None:
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = "".join(f"{name} = {target}\n" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[ablate]\n{lines}")


@pytest.fixture
def wanda(tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:  # noqa: ARG001
    """The real plug-in, as if installed; its project table."""
    project: dict[str, Any] = tomllib.loads((WANDA / "pyproject.toml").read_text())["project"]
    describe(tmp_path, project["name"], project["version"], project["entry-points"]["ablate"])
    monkeypatch.syspath_prepend(WANDA)
    return project


def test_a_scorer_is_found_with_its_origin(install: Install) -> None:
    install("mine-dist", module())
    (entry,) = [e for e in registry().entries if e.plugin.name == "mine"]
    assert (entry.kind, entry.origin) == ("scorer", "mine-dist 1.2.3")
    assert registry().get("scorer", "mine") is entry.plugin
    assert registry().broken == []


BROKEN = {
    "raises": (module(before="raise OSError('no\\nlicence')"), "OSError: no licence"),
    "exits": (module(before="raise SystemExit('bye')"), "SystemExit: bye"),
    "imports": (module(before="import no_such_module"), "ModuleNotFoundError: No module named 'no_such_module'"),
    "older api": (
        module(before="ablate_api = 0"),
        "PluginError: written for plug-in API 0, and this ablate has API 3: import what it uses from ablate.plugin_api",
    ),
    "newer api": (module(before="ablate_api = 4"), "this ablate has API 3: install an ablate that has API 4"),
    "other class": (module(register="dict"), "as a scorer, but it is not a subclass of Scorer"),
    "an instance": (module(register="Mine()"), "as a scorer, but it is not a subclass of Scorer"),
    "other kind": (module(hook="ablate_register_tasks"), "as a task, but it is not a subclass of Task"),
    "unknown hook": (module(hook="ablate_register_scorer"), "unknown hook 'ablate_register_scorer'"),
    "no help": (module(register="type('Bare', (Scorer,), {'name': 'bare', '__module__': __name__})"), "has no help"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plug_in_is_named_and_stops_nothing(install: Install, case: str) -> None:
    code, told = BROKEN[case]
    install("broken-dist", code)
    install("whole-dist", module("whole"))
    found = registry()
    (broken,) = found.broken
    assert broken.origin == "broken-dist 1.2.3"
    assert told in broken.reason
    assert "\n" not in broken.reason
    assert not [e for e in found.entries if e.origin.startswith("broken-dist")], "nothing of it is registered"
    assert found.get("scorer", "whole")
    assert found.get("scorer", "align")
    with pytest.raises(PluginError, match=r"unknown scorer 'mine'.*broken-dist 1\.2\.3 could not be loaded"):
        found.get("scorer", "mine")


def test_what_a_hook_registered_before_it_failed_does_not_count(install: Install) -> None:
    install("broken-dist", module(register="Mine); register(dict"))
    assert [e.plugin.name for e in registry().entries if e.plugin.name == "mine"] == []
    assert len(registry().broken) == 1


def test_two_of_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("first-dist", module())
    install("second-dist", module(), version="2.0")
    install("third-dist", module("magnitude"))
    for name, origins in (
        ("mine", ("first-dist 1.2.3", "second-dist 2.0")),
        ("magnitude", ("ablate-embeddings ", "third-dist 1.2.3")),
    ):
        with pytest.raises(PluginError, match="ABLATE_DISABLE_PLUGINS") as told:
            registry().get("scorer", name)
        assert all(origin in str(told.value) for origin in origins)
    assert registry().get("scorer", "align"), "other names are not concerned"


@pytest.mark.parametrize(
    ("blocked", "left"),
    [
        ("", {"first", "second"}),
        ("first-dist", {"second"}),
        ("other, second-point", {"first"}),
        ("first-dist,second-dist", set()),
        ("all", set()),
        ("ablate,builtin", {"first", "second"}),
    ],
)
def test_plug_ins_can_be_left_out(
    install: Install, monkeypatch: pytest.MonkeyPatch, blocked: str, left: set[str]
) -> None:
    names = [install(f"{which}-dist", module(which), point=f"{which}-point") for which in ("first", "second")]
    monkeypatch.setenv("ABLATE_DISABLE_PLUGINS", blocked)
    found = {e.plugin.name for e in registry().entries}
    assert found & {"first", "second"} == left
    assert {"align", "head", "stsb", "in-process"} <= found
    assert len(left) == sum(name in sys.modules for name in names), "what is left out is not imported"


def test_a_near_miss_gets_the_nearest_name() -> None:
    with pytest.raises(PluginError, match=re.escape("unknown scorer 'magnitud'; did you mean 'magnitude'?")):
        registry().get("scorer", "magnitud")
    with pytest.raises(PluginError, match="unknown granularity 'align'"):
        registry().get("granularity", "align")


def test_list_shows_parameters_and_origin(wanda: dict[str, Any], install: Install) -> None:
    install("broken-dist", module(before="raise OSError('no licence')"))
    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["list"])
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if " wanda " in f" {line} "]
    assert "sentences=null" in line
    assert f"ablate-wanda {wanda['version']}" in line
    assert "norm of the weight's input" in line
    assert "lambda=" in result.stdout
    assert "lambda_" not in result.stdout
    assert result.stderr == "ablate: plug-in broken-dist 1.2.3 could not be loaded: OSError: no licence\n"


def test_list_as_json(wanda: dict[str, Any]) -> None:
    result = CliRunner().invoke(app, ["list", "--json"])
    rows = {(row["kind"], row["name"]): row for row in json.loads(result.stdout)}
    assert {kind for kind, _ in rows} == set(KINDS)
    row = rows["scorer", "wanda"]
    assert row["origin"] == f"ablate-wanda {wanda['version']}"
    assert row["version"] == 1
    assert row["parameters"]["sentences"]["default"] is None
    ours = rows["scorer", "combined"]
    assert re.fullmatch(r"ablate-embeddings \d+\.\d+\.\d+\S*", ours["origin"])
    assert ours["parameters"]["lambda"]["maximum"] == 1
    assert rows["scorer", "magnitude"]["parameters"] == {}


@pytest.mark.usefixtures("wanda")
def test_a_recipe_uses_a_third_partys_scorer_by_name(tmp_path: Path) -> None:
    def planned(scorer: str) -> Plan:
        path = tmp_path / "recipe.yaml"
        path.write_text(f"model: minilm\nscorers: [{scorer}]\ngranularities: [head]\nsparsities: [0.25]\n")
        return make_plan(*load_recipe(path), registry())

    (cell,) = planned("{scorer: wanda, sentences: 64}").cells
    (step,) = cell.steps
    assert step.scorer.identity() == {
        "name": "wanda",
        "origin": "ablate_wanda",
        "version": 1,
        "parameters": {"sentences": 64},
    }
    with pytest.raises(RecipeError, match=r"yaml:2:\d+.*wanda.*'sentence'; did you mean 'sentences'"):
        planned("{scorer: wanda, sentence: 64}")
    with pytest.raises(RecipeError, match=r"yaml:2:\d+.*wanda.*sentences.* not 0"):
        planned("{scorer: wanda, sentences: 0}")


def python(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*paths, ROOT)))}
    environment.pop("ABLATE_DISABLE_PLUGINS", None)
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["compare", "--help"]])
def test_help_imports_no_plug_in_and_nothing_heavy(install: Install, tmp_path: Path, arguments: list[str]) -> None:
    imported = install("broken-dist", "raise SystemExit('imported')")
    code = f"""
import sys
sys.argv = ["ablate", *{arguments!r}]
from ablate.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {{"torch", "transformers", "sentence_transformers", "scipy", "numpy", "ablate.builtin", {imported!r}}}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = python(code, tmp_path)
    assert "Usage: ablate" in done.stdout
    assert done.stderr.strip() == "[]"


def test_the_command_line_goes_on_with_a_broken_plug_in(install: Install, tmp_path: Path) -> None:
    install("broken-dist", "raise SystemExit('imported')")
    install("mine-dist", module())
    done = python(
        "import runpy, sys; sys.argv = ['ablate', 'list', '--json']; runpy.run_module('ablate', run_name='__main__')",
        tmp_path,
    )
    assert {"align", "mine"} <= {row["name"] for row in json.loads(done.stdout)}
    assert "broken-dist 1.2.3" in done.stderr
    assert done.returncode == 0


@pytest.mark.slow
def test_the_real_plug_in_passes_its_own_tests() -> None:
    code = f"import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', {str(WANDA)!r}]))"
    done = python(code, WANDA)
    assert done.returncode == 0, done.stdout


def documented() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_scorer_in_the_docs_is_the_real_one() -> None:
    assert (WANDA / "ablate_wanda.py").read_text() in documented()
    shown = tomllib.loads(PAGE.split("```toml\n")[1].split("```")[0])
    real = tomllib.loads((WANDA / "pyproject.toml").read_text())
    for key, value in shown["project"].items():
        assert real["project"][key] == value


def test_every_hook_is_in_the_docs_with_its_arguments() -> None:
    source = Path(hookspecs.__file__).read_text()
    signatures = re.findall(r"^@hookspec\n(def .*?:)\n", source, re.MULTILINE)
    assert len(signatures) == len(KINDS) + 2, "one for each kind, and those of finders and writers"
    for signature in signatures:
        name = signature.removeprefix("def ").partition("(")[0]
        assert f"### {name}\n\n```python\n@hookimpl\n{signature} ...\n```\n" in PAGE


@pytest.mark.parametrize(
    "file",
    [
        *(ROOT / "plugins").glob("*/ablate_*.py"),
        *(ROOT / "plugins").glob("*/ablate_*/*.py"),
        *(ROOT / "ablate" / "scaffold" / "templates").glob("*.py.txt"),
    ],
    ids=lambda file: file.name,
)
def test_plug_ins_import_from_the_public_modules_alone(file: Path) -> None:
    used = re.findall(r"^(?:from|import) (ablate(?!_)[\w.]*)", file.read_text(), re.MULTILINE)
    assert used or file.parent.name.startswith("ablate_"), "of a package, some files may do without"
    assert set(used) <= {"ablate", "ablate.plugin_api", "ablate.testing"}


PROMISED = [
    "ALIGN",
    "API",
    "CORRELATION",
    "EQUAL_WITHIN",
    "LOG_MEAN",
    "MEAN",
    "SPEARMAN",
    "UNIFORM",
    "Calibration",
    "ClassSet",
    "ColumnGranularity",
    "DataError",
    "EncodedSet",
    "Evaluated",
    "Evaluation",
    "Executor",
    "GradientContribution",
    "Granularity",
    "Head",
    "InputNorm",
    "Item",
    "ItemSet",
    "Layer",
    "Loaded",
    "Loss",
    "LossScorer",
    "Mean",
    "Model",
    "ModelError",
    "Neuron",
    "Outcome",
    "Plugin",
    "PluginError",
    "QuerySet",
    "Scorer",
    "SecondOrder",
    "Source",
    "Spearman",
    "Statistic",
    "Task",
    "Text",
    "Undefined",
    "Unstructured",
    "View",
    "cells",
    "encode",
    "hookimpl",
    "lost",
    "masked",
    "prepare",
    "read_lines",
    "removals",
    "sentence",
    "Family",
    "KvGroup",
    "Rows",
    "Work",
]


def test_nothing_leaves_the_public_module_while_the_contract_has_this_version() -> None:
    assert hookspecs.API == 3, "a new version: write its own list"
    assert [name for name in PROMISED if not hasattr(plugin_api, name)] == []
    assert set(plugin_api.__all__) >= set(PROMISED)


VERSION_1 = ROOT / "tests" / "plugins_v1"


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("name", ["layers", "retrieval", "taylor", "wanda"])
def test_a_plug_in_of_version_1_runs_on_or_is_refused_in_one_line_that_says_what_to_change(
    install: Install, name: str, stated: bool
) -> None:
    source = (VERSION_1 / f"ablate_{name}.py.txt").read_text()
    install(f"ablate-{name}", source if stated else source.replace("ablate_api = 1\n", ""))
    loaded = registry()
    if not loaded.broken:
        # It does not state a version, and uses nothing that has moved.
        assert not stated
        assert [entry for entry in loaded.entries if not entry.built_in]
        return
    (broken,) = loaded.broken
    assert "\n" not in str(broken)
    assert "import what it uses from ablate.plugin_api, then state ablate_api = 3" in broken.reason
    assert {entry.origin.split()[0] for entry in loaded.entries} == {"ablate-embeddings"}


def test_the_other_plug_ins_in_the_docs_keep_the_contract() -> None:
    names: dict[str, Any] = {"__name__": "documented"}
    setting = """
import time
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar
import numpy as np
from pydantic import Field
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize
from ablate.plugin_api import *
"""
    blocks = [block for block in documented() if block.startswith("class ")]
    exec(setting + "\n".join(blocks), names)
    check_granularity(names["NeuronBlock"])
    check_task(names["StsbError"])
    check_executor(names["Gentle"])
    check_architecture(names["PreLayerNorm"])
