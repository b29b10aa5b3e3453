"""The README and docs cannot rot: their recipes are planned, their commands dry-run, their help compared.

python -m tests.test_docs      # writes docs/commands.md anew
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ablate.cli import app
from ablate.experiment.plan import make_plan
from ablate.experiment.recipe import load_recipe
from ablate.plugins import registry

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
COMMANDS = (
    "run",
    "compare",
    "show",
    "diff",
    "train",
    "report",
    "export",
    "prevalence",
    "stability",
    "list",
    "schema",
    "data",
    "data fetch",
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

HEAD = """# Commands

Results go to stdout, everything else to stderr. Exit status: 0; 1 when cells failed; 2 for a mistake that the one-line
message tells how to mend; 130 after Ctrl-C. A traceback is a bug.

`ablate --no-plugins COMMAND` loads only what is built in ([Plug-ins](plugins.md)).

`--format json` is one array of rows, one for each cell and task, dense included (`scorer: null`).

## In Python

```python
import ablate

results = ablate.run("recipes/quick.yaml", store="ablate.db")
frame = results.to_pandas()
results = ablate.compare(scorers=["align", "magnitude"], granularities=["head"], sparsities=[0.1])
print(results.to_markdown())
```

The help below is the program's own (`python -m tests.test_docs` writes this page).
"""


def blocks(language: str) -> list[tuple[str, str]]:
    return [(page.name, body) for page in PAGES for kind, body in FENCE.findall(page.read_text()) if kind == language]


def commands() -> list[tuple[str, str]]:
    lines = [(page, line) for page, body in blocks("sh") for line in body.replace("\\\n", " ").splitlines()]
    return [(page, line.split("#")[0].strip()) for page, line in lines if line.startswith("ablate ")]


def commands_page() -> str:
    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    parts = [HEAD]
    for command in COMMANDS:
        shown = runner.invoke(app, [*command.split(), "--help"], prog_name="ablate").stdout
        text = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        parts.append(f"## ablate {command}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


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
def test_every_command_is_understood(page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options and arguments are parsed; ``run`` and ``compare`` also plan (what they compute is CI's)."""
    for name in ("recipes", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    if words[0] in ("run", "compare"):
        monkeypatch.setenv("ABLATE_DATA", os.environ.get("ABLATE_DATA", ""))
        result = CliRunner().invoke(app, [*words, "--dry-run", "--limit", "2"])
        assert result.exit_code == 0, (page, line, result.output, result.exception)
        assert "estimate" in result.output
    else:
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0, (page, line, result.output)


def test_the_help_in_the_docs_is_the_programs() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == commands_page(), "run: python -m tests.test_docs"


if __name__ == "__main__":
    sys.stdout.write(str((ROOT / "docs" / "commands.md").write_text(commands_page())))
