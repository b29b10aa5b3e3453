"""Broken plug-ins as real packages: wheels that pip installs, and a command line of its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.bench import make_bench

ROOT = Path(__file__).parents[2]
ORIGIN = "broken-dist 1.2.3"

SCORER = """
import torch
from ablate.plugin_api import hookimpl
from ablate.scorers.base import Scorer
class Broken(Scorer):
    name = "{name}"
    help = "is broken"
    def score(self, view):
        n = len(view.layers)
        {body}
@hookimpl
def ablate_register_scorers(register):
    register(Broken)
"""


def module(body: str = "return torch.ones(n)", name: str = "broken") -> str:
    return SCORER.format(name=name, body=body)


def install(folder: Path, code: str) -> Path:
    """Installs a distribution of one module with pip, and gives the folder to put on the path."""
    wheel, info = folder / "broken_dist-1.2.3-py3-none-any.whl", "broken_dist-1.2.3.dist-info"
    files = {
        "broken_dist.py": code,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: broken-dist\nVersion: 1.2.3\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[ablate]\npoint = broken_dist\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with ZipFile(wheel, "w") as archive:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*pip, str(target), str(wheel)], check=True, capture_output=True)
    return target


def ablate(site: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))), "COLUMNS": "200"}
    own.pop("ABLATE_DISABLE_PLUGINS", None)
    command = [sys.executable, "-m", "ablate", *arguments]
    return subprocess.run(command, env=own | environment, capture_output=True, text=True, check=False)


def recipe(folder: Path, monkeypatch: pytest.MonkeyPatch, **given: Any) -> list[str]:
    """The arguments that run a small grid: magnitude, and what is given."""
    bench = make_bench(folder, monkeypatch)
    file = folder / "recipe.yaml"
    file.write_text(json.dumps(bench.tree(controls={"matched": 0}, **given)))
    return ["run", str(file), "--store", str(bench.store), "--format", "json"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise OSError('no\\nlicence')", f"OSError: no licence (plug-in {ORIGIN})"),
        ("print('hello'); raise SystemExit(0)", f"SystemExit: 0 (plug-in {ORIGIN})"),
        *(
            pytest.param(body, f"gave {what} (plug-in {ORIGIN})", marks=pytest.mark.slow)
            for body, what in (
                ("return torch.full((n,), torch.nan)", "8 head contributions that are not finite"),
                ("return torch.ones(n + 1)", "[9] contributions for 8 head units"),
                ("return torch.ones(n, dtype=torch.int64)", "torch.int64, not torch.float32"),
                ("return torch.ones(n, device='meta')", "a tensor on the device meta, which has no values"),
                ("return [1.0] * n", "a list, not a tensor"),
            )
        ),
    ],
    ids=["raises", "exits", "nan", "shape", "dtype", "device", "no tensor"],
)
def test_a_broken_score_costs_its_own_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    site = install(tmp_path, module(body))
    done = ablate(site, *recipe(tmp_path, monkeypatch, scorers=["broken", "magnitude"]))
    assert done.returncode == 1, done.stderr
    rows = {row["scorer"]: row for row in json.loads(done.stdout)}
    assert {scorer: row["status"] for scorer, row in rows.items()} == {
        None: "ok",
        "broken": "failed",
        "magnitude": "ok",
    }
    assert rows["broken"]["reason"].endswith(reason)
    assert "Traceback" not in done.stderr


GRANULARITY = """
from ablate.plugin_api import hookimpl
from ablate.granularities.head import Head
class Broken(Head):
    name = "broken"
    help = "is broken"
    def {method}(self, model, *_):
        {body}
@hookimpl
def ablate_register_granularities(register):
    register(Broken)
"""


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("keep", "raise ValueError('gone')"),
        *(
            pytest.param(method, body, marks=pytest.mark.slow)
            for method, body in (
                *((method, "raise ValueError('gone')") for method in ("layers", "carriers", "reduce")),
                ("layers", "return [0, 0, 1, 1]"),
                ("keep", "return {'nowhere': model.weight(self.carriers(model)[0]) > 0}"),
            )
        ),
    ],
)
def test_a_broken_granularity_costs_its_own_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, body: str
) -> None:
    site = install(tmp_path, GRANULARITY.format(method=method, body=body))
    done = ablate(site, *recipe(tmp_path, monkeypatch, scorers=["align"], granularities=["broken", "head"]))
    assert done.returncode == 1, done.stderr
    rows = {row["granularity"]: row for row in json.loads(done.stdout)}
    assert {name: row["status"] for name, row in rows.items()} == {None: "ok", "broken": "failed", "head": "ok"}
    assert rows["broken"]["reason"].endswith(f"(plug-in {ORIGIN})")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return torch.ones(n + 1)", "ablate: scorer 'broken' gave [9]"),
        pytest.param("raise OSError('no licence')", "OSError: no licence", marks=pytest.mark.slow),
    ],
)
def test_fail_fast_names_the_plug_in_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, told: str) -> None:
    site = install(tmp_path, module(body))
    done = ablate(site, *recipe(tmp_path, monkeypatch, scorers=["broken"]), "--fail-fast")
    assert done.returncode != 0
    assert told in done.stderr
    assert f"(plug-in {ORIGIN})" in done.stderr


def test_one_that_fails_on_import_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(tmp_path, "raise OSError('no licence')")
    fault = f"plug-in {ORIGIN} could not be loaded: OSError: no licence"
    listed = ablate(site, "list")
    assert (listed.returncode, listed.stderr) == (0, f"ablate: {fault}\n")
    arguments = recipe(tmp_path, monkeypatch)
    assert ablate(site, *arguments).returncode == 0
    wrong = ablate(site, *arguments, "--set", "scorers=[broken]")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "unknown scorer 'broken'" in wrong.stderr
    assert fault in wrong.stderr


@pytest.mark.slow
def test_a_taken_name_is_told_by_the_list_and_refused_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install(tmp_path, module(name="magnitude"))
    listed = ablate(site, "list")
    assert listed.returncode == 0
    assert "ablate: scorer 'magnitude' is registered by " in listed.stderr
    assert ORIGIN in listed.stderr
    arguments = recipe(tmp_path, monkeypatch)
    refused = ablate(site, *arguments)
    assert refused.returncode == 2
    assert "ABLATE_DISABLE_PLUGINS" in refused.stderr
    assert ORIGIN in refused.stderr
    assert ablate(site, *arguments, "--set", "scorers=[random]").returncode == 0
    for done in (
        ablate(site, "--no-plugins", *arguments),
        ablate(site, *arguments, ABLATE_DISABLE_PLUGINS="broken-dist"),
    ):
        assert done.returncode == 0, done.stderr


def test_no_plugins_loads_what_is_built_in_alone(tmp_path: Path) -> None:
    site = install(tmp_path, "print('imported')\n" + module())
    assert "imported" in ablate(site, "list").stderr
    for done in (ablate(site, "--no-plugins", "list"), ablate(site, "list", ABLATE_DISABLE_PLUGINS="all")):
        assert (done.returncode, done.stderr) == (0, "")
        assert "imported" not in done.stdout + done.stderr
        assert "magnitude" in done.stdout
        assert ORIGIN not in done.stdout
