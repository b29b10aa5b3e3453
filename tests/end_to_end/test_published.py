"""Dense models give their published figures (MTEB) on the standard sets, to 0.01 points.

MiniLM is the embedded model. Others are looked for in the folder that ``ABLATE_MODELS`` names.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ablate.data.sources import resolve
from ablate.engine.evaluator import Evaluator
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import registry

PUBLISHED = {
    "minilm": {"sts12": 72.37, "sts13": 80.60, "sts14": 75.59, "sts15": 85.39, "sts16": 78.99, "stsb": 82.03},
    "all-mpnet-base-v2": {
        "sts12": 72.63,
        "sts13": 83.48,
        "sts14": 78.00,
        "sts15": 85.66,
        "sts16": 80.03,
        "stsb": 83.42,
    },
}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif("ABLATE_DATA" not in os.environ, reason="ABLATE_DATA is not set")
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_dense_model_gives_its_published_scores(name: str) -> None:
    folder = Path(os.environ.get("ABLATE_MODELS", "")) / name
    if name != "minilm" and not folder.is_dir():
        pytest.skip(f"ABLATE_MODELS names no folder with {name}")
    source = resolve("senteval", os.environ).source
    tasks = load_tasks([make_task(registry(), task, {}) for task in PUBLISHED[name]], source, registry())
    model = load_model(ModelSpec(name=name if name == "minilm" else str(folder)))
    results = Evaluator(model).evaluate({}, tasks)
    scores = {task: result.score for task, result in results.items()}
    print(scores)
    assert scores == pytest.approx(PUBLISHED[name], abs=0.01)
