"""A plug-in that ablate writes works as it stands: installed, listed, checked, tested and linted."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ablate.errors import AblateError
from ablate.plugins import KINDS, Registry, registry
from ablate.scaffold.new import names_of, write_plugin
from ablate.testing import ContractBroken, check_architecture
from tests.test_plugins import describe

ROOT = Path(__file__).parents[2]
OURS = [sys.executable, "-m", "ablate"]

NAMES = {"architecture": "data2vec-text"}
"""An architecture is named as transformers names it."""


def run(command: list[str], folder: Path, *paths: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*paths, ROOT))), "COLUMNS": "200"}
    environment |= {"MYPYPATH": str(ROOT)}
    environment.pop("ABLATE_DISABLE_PLUGINS", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def install(folder: Path, site: Path) -> None:
    """By pip where its build backend is at hand (it is in the extra `dev`), else the module and its metadata alone."""
    if find_spec("hatchling"):
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
        run([*command, "--target", str(site), str(folder)], folder.parent, *map(Path, filter(None, sys.path)))
        return
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    site.mkdir()
    for module in folder.glob("*.py"):
        shutil.copy(module, site)
    describe(site, project["name"], project["version"], project["entry-points"]["ablate"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_installs_is_listed_keeps_its_contract_and_passes_its_tests(kind: str, tmp_path: Path) -> None:
    name = NAMES.get(kind, f"fresh-{kind}")
    run([*OURS, "new-plugin", name, "--kind", kind], tmp_path)
    folder, site = tmp_path / f"ablate-{name}", tmp_path / "site"
    module = f"ablate_{name.replace('-', '_')}"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "pyproject.toml",
        "README.md",
        f"{module}.py",
        f"tests/test_{module}.py",
    }
    run([sys.executable, "-m", "ruff", "check", "."], folder)
    run([sys.executable, "-m", "ruff", "format", "--check", "."], folder)
    install(folder, site)
    listed = run([*OURS, "list"], tmp_path, site)
    (line,) = [line for line in listed.splitlines() if name in line]
    assert f"ablate-{name} 0.1.0" in line
    run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], folder, site)
    checked = run([*OURS, "check", name], tmp_path, site)
    assert f"{kind} '{name}' of ablate-{name} 0.1.0 keeps its contract" in checked
    assert "failed" not in checked


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_its_types_are_right(kind: str, tmp_path: Path) -> None:
    folder = write_plugin(NAMES.get(kind, "fresh"), kind, Registry(), tmp_path / "fresh")
    run([sys.executable, "-m", "mypy", "."], folder)


def family(folder: Path) -> Any:
    (file,) = folder.glob("*.py")
    names: dict[str, Any] = {"__name__": file.stem}
    exec(file.read_text(), names)
    found: list[Any] = []
    names["ablate_register_architectures"](found.append)
    return found[0]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        # Its layers store how many heads they have, so heads stay as zeros until `after_cut` tells them.
        ("megatron-bert", {"cuts_heads": False, "query": "attention.self.query"}),
        ("xlm-roberta-xl", {"cuts_heads": True, "padding_offset": True}),
        ("gemma2", {"relative": True, "ffn_in": ("mlp.gate_proj", "mlp.up_proj")}),
    ],
)
def test_an_architecture_has_the_modules_of_a_built_in_one_that_fits(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    folder = write_plugin(name, "architecture", registry(), tmp_path / "made")
    made = family(folder)
    assert {setting: getattr(made, setting) for setting in settings} == settings
    assert "The names keep the contract." in (folder / "README.md").read_text()
    check_architecture(made)


def test_an_architecture_that_none_fits_says_what_is_wrong(tmp_path: Path) -> None:
    folder = write_plugin("nystromformer", "architecture", registry(), tmp_path / "made")
    told = "nothing names 'encoder.layer.0.attention.self.conv.weight', which is a matrix of the layer"
    assert f"do not fit yet: architecture 'nystromformer': {told}" in (folder / "README.md").read_text()
    with pytest.raises(ContractBroken, match=told):
        check_architecture(family(folder))


def test_an_architecture_is_named_as_transformers_names_it(tmp_path: Path) -> None:
    told = "'megatron-bart' is no `model_type` of transformers; did you mean 'megatron-bert'?"
    with pytest.raises(AblateError, match=re.escape(told)):
        write_plugin("megatron-bart", "architecture", registry(), tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "2nd", "My", "my scorer", "my--scorer", "-x", "x-", "x.y", "../x", "é", "a" * 41])
def test_a_name_that_no_module_could_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(AblateError, match="is not a valid name of a plug-in"):
        write_plugin(name, "scorer", registry(), tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind", "class_name"),
    [
        ("my_own-score", "scorer", "MyOwnScoreScorer"),
        ("my-scorer", "scorer", "MyScorer"),
        ("scorer", "scorer", "ScorerScorer"),
        ("none", "task", "NoneTask"),
        ("class", "granularity", "ClassGranularity"),
    ],
)
def test_the_class_has_a_name_of_its_own(name: str, kind: str, class_name: str, tmp_path: Path) -> None:
    assert names_of(name, kind).class_name == class_name
    folder = write_plugin(name, kind, registry(), tmp_path / "made")
    (module,) = folder.glob("*.py")
    compile(module.read_text(), module.name, "exec")


@pytest.mark.parametrize("name", ["magnitude", "head", "stsb", "in-process", "bert"])
def test_a_name_that_is_taken_is_told_by_whom(name: str, tmp_path: Path) -> None:
    with pytest.raises(AblateError, match=rf"'{name}' is an? \w+ of ablate-embeddings \S+ already"):
        write_plugin(name, "scorer", registry(), tmp_path / "made")


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(AblateError, match="already exists"):
        write_plugin("fresh", "scorer", registry(), there)
    with pytest.raises(AblateError, match="there is no folder"):
        write_plugin("fresh", "scorer", registry(), tmp_path / "none" / "made")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(AblateError, match="No space left on device.*nothing was written"):
        write_plugin("fresh", "scorer", registry(), tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    command = [*OURS, "new-plugin", "magnitude", "-o", str(tmp_path / "made")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("ablate: 'magnitude' is a scorer of ablate-embeddings ")
    assert done.stderr.count("\n") == 1


def test_an_unknown_kind_is_refused() -> None:
    from ablate.cli import app

    assert CliRunner().invoke(app, ["new-plugin", "fresh", "--kind", "model"]).exit_code == 2
