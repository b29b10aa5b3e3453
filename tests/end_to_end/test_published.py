"""Dense MiniLM gives the published figures (MTEB, all-MiniLM-L6-v2) on the standard sets, to 0.01 points."""

from __future__ import annotations

import os

import pytest

from ablate.data.sources import resolve
from ablate.engine.evaluator import Evaluator
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import registry

PUBLISHED = {"sts12": 72.37, "sts13": 80.60, "sts14": 75.59, "sts15": 85.39, "sts16": 78.99, "stsb": 82.03}


@pytest.mark.slow
@pytest.mark.skipif("ABLATE_DATA" not in os.environ, reason="ABLATE_DATA is not set")
def test_dense_minilm_gives_the_published_scores() -> None:
    source = resolve("senteval", os.environ).source
    tasks = load_tasks([make_task(registry(), name, {}) for name in PUBLISHED], source, registry())
    results = Evaluator(load_model(ModelSpec(name="minilm"))).evaluate({}, tasks)
    scores = {name: result.score for name, result in results.items()}
    print(scores)
    assert scores == pytest.approx(PUBLISHED, abs=0.01)
