"""What the docs have a newcomer type, typed: the tutorial's commands and the docs' Python, in one folder, one after another.

pytest -m slow tests/docs/test_walkthrough.py      # some four minutes
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_docs import FENCE, ROOT, blocks

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("walk")
    (made / "recipes").symlink_to(ROOT / "recipes")
    return made


def typed(folder: Path, *command: str) -> str:
    own = {name: value for name, value in os.environ.items() if name not in ("ABLATE_DATA", "OMP_NUM_THREADS")}
    own |= {"COLUMNS": "80", "ABLATE_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def shape(text: str) -> str:
    """The words without numbers and rules, which another machine gives otherwise, and with them the breaks of lines."""
    return " ".join(re.sub(r"[-+]?[\d,.]*\d|<|─+|\*", "", text).split())


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_tutorial_prints_what_it_says(folder: Path) -> None:
    printed, shown = "", 0
    for kind, body in FENCE.findall(TUTORIAL):
        if kind == "sh":
            for line in body.splitlines():
                printed = typed(folder, "bash", "-c", re.sub(r"^ablate", f"{sys.executable} -m ablate", line))
                # What to type next is told as the command was given.
                printed = printed.replace("python -m ablate", "ablate")
        elif kind == "text":
            assert shape(body) in shape(printed), (body, printed)
            shown += 1
    assert shown == 4
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "small" / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", ["commands.md", "notebook.md"])
def test_the_python_of_the_docs_runs(folder: Path, page: str) -> None:
    typed(folder, sys.executable, "-c", "\n".join(body for name, body in blocks("python") if name == page))
