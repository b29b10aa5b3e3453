"""The notebook of the docs: that its outputs are there and clean, and (slow) that it still runs.

python -m tests.docs.test_notebook      # executes it in an empty folder, and writes it anew with its outputs
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.report.html.test_html import OURS, Parsed

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
FIGURES = ("sparsity", "intervals", "tasks", "heads", "plane")


def execute(folder: Path) -> dict[str, Any]:
    """The notebook with new outputs. Raises what nbclient raises if a cell does."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=None, kernel_name="python3", resources=resources).execute()
    made: dict[str, Any] = json.loads(nbformat.writes(notebook))
    return made


def tidy(notebook: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing of the run: times of cells, the id of the run, warnings of the environment."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if "outputs" in cell:
            # Progress is the only output that is displayed and not a result.
            cell["outputs"] = [
                output
                for output in cell["outputs"]
                if output.get("name") != "stderr" and output["output_type"] != "display_data"
            ]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = [re.sub(r", run [\w-]+<", "<", line) for line in data["text/html"]]
    return notebook


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def test_every_cell_was_executed_in_order_and_none_raised() -> None:
    code = cells("code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {"execute_result", "stream"}
    # The answer, and what is said of a mistake.
    assert [output["name"] for output in outputs if output["output_type"] == "stream"] == ["stdout"] * 2
    assert "did you mean 'magnitude'?" in json.dumps(outputs)


def test_it_shows_the_tables_and_each_figure_once() -> None:
    for cell in cells("code"):
        source = "".join(cell["source"])
        images = [output for output in cell["outputs"] if "image/png" in output.get("data", {})]
        assert len(images) == any(f".plot.{name}(" in source for name in FIGURES)
        for image in images:
            assert image["metadata"]["image/png"]["alt"]
        if source.endswith("\nresults"):
            page = Parsed("".join(cell["outputs"][0]["data"]["text/html"]))
            assert {tag for tag, _ in page.elements} <= (OURS - {"script"}) | {"code"}  # next commands
            assert {"harms", "improves", "better", "harmless", "worse", "undecided"} & {
                mark["title"] for mark in page.named("span")
            }


def test_nothing_of_the_machine_that_executed_it_is_left() -> None:
    text = NOTEBOOK.read_text()
    assert not re.search(r"/(tmp|root|home|Users)/|[A-Z]:\\\\|\d{8}-\d{6}|\d\d:\d\d:\d\d|iopub", text)
    assert all(cell["metadata"] == {} for cell in [*cells("code"), *cells("markdown")])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    for cell in execute(tmp_path)["cells"]:
        assert all(output["output_type"] != "error" for output in cell.get("outputs", []))
    assert (tmp_path / "ablate.db").exists()


if __name__ == "__main__":
    os.environ.pop("OMP_NUM_THREADS", None)
    with tempfile.TemporaryDirectory() as folder:
        executed = tidy(execute(Path(folder)))
    sys.stdout.write(str(NOTEBOOK.write_text(json.dumps(executed, indent=1, ensure_ascii=False) + "\n")))
