"""The README and docs cannot rot: their recipes are planned, their commands dry-run, their help compared."""

from __future__ import annotations

import ast
import os
import re
import shlex
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeGuard

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import ablate
from ablate.cli import app
from ablate.plan.make_plan import make_plan
from ablate.plugins import registry
from ablate.recipe.recipe import load_recipe
from tests.bench import pairs
from tools.commands import commands_page
from tools.reference import reference_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    found = [(page.name, *match) for page in PAGES for match in FENCE.findall(page.read_text())]
    return [(page, dedent(body)) for page, kind, body in found if kind == language]


def commands() -> list[tuple[str, str]]:
    lines = [(page, line) for page, body in blocks("sh") for line in body.replace("\\\n", " ").splitlines()]
    return [(page, line.split("#")[0].strip()) for page, line in lines if line.startswith("ablate ")]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_makes_a_plan(path: Path) -> None:
    recipe, document = load_recipe(path)
    assert make_plan(recipe, document, registry()).cells


def test_the_recipe_of_the_main_job_is_the_papers_question() -> None:
    plan = make_plan(*load_recipe(ROOT / "recipes" / "sts.yaml"), registry())
    steps = [cell.steps[0] for cell in plan.grid]
    assert {s.label for s in steps} == {"align", "uniform", "combined", "magnitude", "random"}
    assert {s.granularity.name for s in steps} == {"unstructured", "head", "neuron"}
    assert {s.sparsity for s in steps} == {0.05, 0.1, 0.2, 0.3}
    assert {s.scope for s in steps} == {"global"}
    assert {s.seed for s in steps if s.label == "random"} == {0, 1, 2}
    assert len(plan.grid) == (4 + 3) * 3 * 4


@pytest.mark.parametrize(("page", "body"), blocks("yaml"))
def test_every_yaml_block_makes_a_plan(page: str, body: str, tmp_path: Path) -> None:
    path = tmp_path / f"{page}.yaml"
    path.write_text(body)
    recipe, document = load_recipe(path)
    assert make_plan(recipe, document, registry()).cells


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_is_understood(page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    understood(line, tmp_path, monkeypatch)


def understood(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options and arguments are parsed; ``run`` and ``compare`` also plan (what they compute is CI's)."""
    for name in ("recipes", "docs"):
        (folder / name).symlink_to(ROOT / name)
    for seed, name in enumerate(("pairs.csv", "dev.csv", "test.csv", "questions.csv")):
        # The labels of questions are 0 and 1, the scores of the others are 0 to 5.
        rows = [f"{a},{b},{int(gold > 2.5) if seed == 3 else gold}\n" for a, b, gold in pairs(seed, 30)]
        (folder / name).write_text("sentence1,sentence2,score\n" + "".join(rows))
    monkeypatch.chdir(folder)
    words = shlex.split(line)[1:]
    if words[0] in ("run", "compare") and "recipe.yaml" not in words:
        monkeypatch.setenv("ABLATE_DATA", os.environ.get("ABLATE_DATA", ""))
        planned = [*words, *([] if "--dry-run" in words else ["--dry-run"]), "--limit", "2"]
        result = CliRunner().invoke(app, planned)
        assert result.exit_code == 0, (line, result.output, result.exception)
        assert "estimate" in result.output
        return
    command = get_command(app)
    _do_nothing(command)
    if "recipe.yaml" in words:
        Path("recipe.yaml").touch()
    assert not command.main(words, prog_name="ablate", standalone_mode=False), line


def _do_nothing(command: Any) -> None:
    """Lets a command, and those below it, parse what they are given and stop."""
    command.callback = lambda **_: None
    for below in getattr(command, "commands", {}).values():
        _do_nothing(below)


def test_the_help_in_the_docs_is_the_programs() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == commands_page(), "run: python -m tools.docs"


def test_the_reference_is_the_codes() -> None:
    assert (ROOT / "docs" / "reference.md").read_text() == reference_page(), "run: python -m tools.docs"


def test_every_page_of_the_docs_is_in_the_sites_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in PAGES if page.parent == ROOT / "docs" and f": {page.name}\n" not in menu] == []


@pytest.mark.parametrize(("page", "body"), blocks("python"))
def test_every_python_block_imports_what_there_is(page: str, body: str) -> None:
    """They are compiled, and their imports are made; those that compute are executed elsewhere."""
    tree = ast.parse(body)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and "ablate_" not in ast.unparse(node):
            exec(compile(ast.Module([node], []), page, "exec"), {})
    called = [node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and _of_ablate(node.func)]
    assert set(called) <= set(ablate.__all__)


def _of_ablate(function: ast.expr) -> TypeGuard[ast.Attribute]:
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) == "ablate"
