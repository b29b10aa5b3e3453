"""The command line: exit statuses, what goes to stdout and what to stderr, and the small commands."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import ablate.plugins
from ablate.distribution import DISTRIBUTION
from ablate.plugins import Broken, Entry, Registry, registry
from ablate.record import FIELDS
from ablate.scorers.base import Scorer, View
from ablate.store.store import Store
from tests.workplace import RECIPE, STORE, Workplace


class Failing(Scorer):
    """Fails, as a stranger's scorer may."""

    name: ClassVar[str] = "failing"
    help: ClassVar[str] = "for a test"

    def score(self, view: View) -> Tensor:
        raise ValueError(f"cannot score\n[red]{len(view.layers)} units[/red]")


class Interrupted(Scorer):
    """Is where the user presses Ctrl-C."""

    name: ClassVar[str] = "interrupted"
    help: ClassVar[str] = "for a test"

    needed: int

    def score(self, view: View) -> Tensor:
        if os.environ.get("INTERRUPT"):
            signal.raise_signal(signal.SIGINT)
        return torch.arange(len(view.layers), dtype=torch.float32)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with the scorers above in it, wherever it is asked for."""
    entries = [Entry("scorer", plugin, "stranger 1.0") for plugin in (Failing, Interrupted)]
    found = Registry([*registry().entries, *entries], [Broken("broken 2.0", "ImportError: no module")])
    monkeypatch.setattr(ablate.plugins, "registry", lambda: found)
    monkeypatch.setattr("ablate.plan.job.registry", lambda: found)
    return found


def with_scorers(text: str) -> str:
    return RECIPE.replace("[align, random]", text)


def test_results_alone_on_stdout(place: Workplace) -> None:
    ran = place.run(RECIPE, "--format", "json")
    assert ran.code == 0
    rows = json.loads(ran.out)
    assert [row["cell"] for row in rows] == ["dense", "head align 25 %", "head random 25 % seed 0"]
    assert set(rows[0]) == set(FIELDS)
    assert ran.err.splitlines()[0] == "data: senteval (asked for by its folder)"
    lines = ran.err.splitlines()
    assert lines.index("screen: 3 of 3 cells") < lines.index("Answer") < lines.index("Next")
    assert lines[-1].startswith("ablate ")

    shown = place("show", "--format", "csv")
    assert shown.code == 0
    assert shown.err.splitlines()[1:] == lines[lines.index("Answer") :]
    assert [row["key"] for row in csv.DictReader(io.StringIO(shown.out))] == [row["key"] for row in rows]


def test_output_takes_the_place_of_stdout(place: Workplace) -> None:
    ran = place.run(RECIPE, "--format", "json", "--output", "rows.json")
    assert (ran.code, ran.out) == (0, "")
    rows = json.loads(Path("rows.json").read_text())
    for form in ("table", "markdown"):
        assert place("show", "--format", form, "-o", f"rows.{form}").out == ""
        assert "head × align 25 %" in Path(f"rows.{form}").read_text()
    assert json.loads(place("show", "--format", "json").out) == rows


def test_tables_fit_80_columns_also_with_hostile_labels(place: Workplace) -> None:
    labels = ["[red]x[/red]", "[/]", "é中文", 'a,b"c|d', "=cmd()", "x" * 40]
    listed = ", ".join(json.dumps({"scorer": "magnitude", "label": label}, ensure_ascii=False) for label in labels)
    ran = place.run(with_scorers(f"[{listed}]"))
    assert ran.code == 0, ran.err
    assert max(map(len, ran.out.splitlines())) <= 80
    for label in labels[:-1]:
        assert label in ran.out
    rows = json.loads(place("show", "--format", "json").out)
    assert [row["scorer"] for row in rows] == [None, *labels]
    read_back = list(csv.DictReader(io.StringIO(place("show", "--format", "csv").out)))
    assert [row["scorer"].lstrip("'") for row in read_back] == ["", *labels]


@pytest.mark.usefixtures("strangers")
def test_a_cell_that_fails_is_a_row_and_status_1(place: Workplace) -> None:
    ran = place.run(with_scorers("[failing, magnitude]"))
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert "ValueError: cannot score [red]8 units[/red]" in " ".join(ran.out.split())
    rows = {row["scorer"]: row for row in json.loads(place("show", "--format", "json").out)}
    assert (rows["failing"]["status"], rows["failing"]["score"]) == ("failed", None)
    assert rows["magnitude"]["status"] == rows[None]["status"] == "ok"


@pytest.mark.usefixtures("strangers")
def test_fail_fast_shows_the_bug(place: Workplace) -> None:
    with pytest.raises(ValueError, match="cannot score"):
        place.run(with_scorers("[failing, magnitude]"), "--fail-fast")


@pytest.mark.usefixtures("strangers")
def test_ctrl_c_keeps_what_was_finished(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    text = with_scorers("[magnitude, {scorer: interrupted, needed: 1}]")
    monkeypatch.setenv("INTERRUPT", "1")
    ran = place.run(text)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.splitlines()[-1] == (
        "ablate: interrupted; finished work is stored, and the same command continues from there"
    )
    monkeypatch.delenv("INTERRUPT")
    rows = json.loads(place.run(text, "--format", "json").out)
    assert {row["scorer"]: row["cached"] for row in rows} == {None: True, "magnitude": True, "interrupted": False}


def test_show(place: Workplace) -> None:
    refused = place.refused
    nothing_yet = "there is no store at ablate.db yet: make one with `ablate run`, or give another --store"
    assert refused(place("show")) == nothing_yet
    assert place.files() == {}
    place.with_store()
    assert refused(place("show")) == "ablate.db: no run in it has rows yet; finish one with `ablate run`"
    assert place("show", "--runs").code == 0

    first = place.run(RECIPE, "--limit", "1").out
    second = place.run(RECIPE).out
    assert first != second
    place.nothing_may_evaluate()
    place.nothing_may_load()
    assert place("show").out == second
    listed = place("show", "--runs").out
    with Store(STORE, create=False) as store:
        ids = [run.id for run in store.runs()]
    assert [run for run in ids if run in listed] == ids
    assert place("show", ids[0]).out == first
    assert place("show", "r.yaml").out == second
    other = refused(place("show", "r.yaml", "--set", "seeds=[7]"))
    assert other.startswith("ablate.db: no run of r.yaml, with these values, has rows")
    assert refused(place("show", "nope")).startswith("there is no run 'nope' in the store; valid: ")
    ran = place("show", "--runs", "--format", "json")
    assert (ran.code, ran.out) == (2, "")


def test_list(place: Workplace, strangers: Registry) -> None:
    ran = place("list")
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    for entry in strangers.entries:
        assert re.search(rf"^. {re.escape(entry.plugin.name)} ", ran.out, re.MULTILINE)
    assert "needed (required)" in ran.out
    assert ran.err == "ablate: plug-in broken 2.0 could not be loaded: ImportError: no module\n"
    found = {(one["kind"], one["name"]): one for one in json.loads(place("list", "--json").out)}
    assert len(found) == len(strangers.entries)
    combined = found["scorer", "combined"]
    assert combined["origin"] == f"{DISTRIBUTION} {version(DISTRIBUTION)}"
    assert combined["parameters"]["lambda"] | {"title": ""} == {
        "default": 0.5,
        "description": "weight of align; uniform gets the rest",
        "maximum": 1,
        "minimum": 0,
        "title": "",
        "type": "number",
    }
    assert found["granularity", "head"]["parameters"]["min_keep"]["default"] == 1
    assert found["task", "stsb"]["parameters"] == {}


def test_schema_says_what_recipes_may_say(place: Workplace) -> None:
    schema = json.loads(place("schema").out)
    names = schema["properties"]
    assert schema["required"] == ["model"]
    assert schema["additionalProperties"] is False
    shorthand = {"type": "string"}
    assert shorthand in names["scorers"]["items"]["anyOf"]
    assert shorthand in names["granularities"]["items"]["anyOf"]
    assert shorthand in names["model"]["anyOf"]
    assert {"exclusiveMaximum": 1, "minimum": 0, "type": "number"} in names["sparsities"]["items"]["anyOf"]
    assert {"const": "negative", "type": "string"} in names["sparsities"]["items"]["anyOf"]
    assert {"const": "all", "type": "string"} in names["confirm"]["anyOf"]
    assert references(schema) <= {f"#/$defs/{name}" for name in schema["$defs"]}


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        return {node["$ref"]} if "$ref" in node else set().union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_version_and_help(place: Workplace) -> None:
    assert place("--version").out == f"ablate {version(DISTRIBUTION)}\n"
    shown = place("--help")
    assert shown.code == 0
    assert all(f" {command} " in shown.out for command in ("run", "compare", "show", "list", "schema", "data"))
    ran = place("rum")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'run'?" in ran.err


def test_help_imports_no_heavy_library() -> None:
    heavy = ("torch", "transformers", "sentence_transformers", "scipy", "sqlalchemy", "ruamel", "datasets")
    code = f"""
import sys
sys.argv = ["ablate", *sys.argv[1:]]
try:
    from ablate.cli import main
    main()
finally:
    print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""
    for arguments in (["--help"], ["run", "--help"], ["--version"]):
        ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert ran.stderr == "[]\n"


@pytest.mark.parametrize("command", ["--help", "schema"])
def test_a_reader_that_leaves_early_is_no_error(command: str) -> None:
    """As in ``ablate schema | head -1``, of which the reader is gone before the first byte."""
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run([sys.executable, "-m", "ablate", command], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (1, b"")


@pytest.mark.parametrize("form", ["markdown", "csv"])
def test_what_a_terminal_cannot_show_is_escaped(form: str, place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.run(with_scorers("[{scorer: magnitude, label: ñandú}]")).code == 0
    written = io.BytesIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        assert place("show", "--format", form).code == 0
        sys.stdout.flush()
        assert rb"\xf1and\xfa" in written.getvalue()
