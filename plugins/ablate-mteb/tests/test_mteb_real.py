"""Real sets through MTEB's task classes: scores equal MTEB's own run, and where it is the same measure, ablate's."""

from __future__ import annotations

import os

import numpy as np
import pytest

mteb = pytest.importorskip("mteb", reason="mteb is not installed: pip install ./plugins/ablate-mteb")

from ablate_mteb import find  # noqa: E402
from ablate_mteb.base import items_of  # noqa: E402
from datasets import Dataset, DatasetDict  # noqa: E402
from mteb_feed import CLASSES, PAIRS, SICK, STS, feed, own_run, pairs  # noqa: E402

from ablate.data.senteval import SentEval  # noqa: E402
from ablate.data.sources import resolve  # noqa: E402
from ablate.engine.evaluator import Evaluator  # noqa: E402
from ablate.models.load import load_model  # noqa: E402
from ablate.models.sentence_transformer import sentence_transformer  # noqa: E402
from ablate.models.spec import ModelSpec  # noqa: E402
from ablate.plugins import registry  # noqa: E402
from ablate.tasks.base import Task  # noqa: E402
from ablate.tasks.loaded import Loaded  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("ABLATE_DATA" not in os.environ, reason="ABLATE_DATA is not set"),
]

SPEC = ModelSpec(name="minilm")


@pytest.fixture(scope="module")
def source() -> SentEval:
    found = resolve("senteval", os.environ).source
    assert isinstance(found, SentEval)
    return found


@pytest.fixture(autouse=True)
def _fed(monkeypatch: pytest.MonkeyPatch, source: SentEval) -> None:
    stsb, dev, sick, trec, mrpc = (source.load(name) for name in ("stsb", "stsb-dev", "sickr", "trec", "mrpc"))
    assert trec.train is not None
    classes = {
        split: Dataset.from_dict({"text": [text for (text,) in part.texts], "label": [int(gold) for gold in part.gold]})
        for split, part in (("train", trec.train), ("test", trec))
    }
    labels = [int(gold) for gold in mrpc.gold]
    paraphrases = {"sent1": [list(mrpc.left)], "sent2": [list(mrpc.right)], "labels": [labels]}
    items_of.cache_clear()
    feed(
        monkeypatch,
        {
            STS: DatasetDict(test=pairs(stsb, len(stsb)), validation=pairs(dev, len(dev))),
            SICK: DatasetDict(test=pairs(sick, len(sick))),
            CLASSES: DatasetDict(classes),
            PAIRS: DatasetDict(test=Dataset.from_dict(paraphrases)),
        },
    )


def scores(source: SentEval, *tasks: Task) -> list[float]:
    sets = [task.load(source) for task in tasks]
    loaded = [Loaded(task, data, np.ones(len(data), bool)) for task, data in zip(tasks, sets, strict=True)]
    found = Evaluator(load_model(SPEC)).evaluate({}, loaded)
    return [result.score for result in found.values() if result.score is not None]


@pytest.mark.parametrize(
    ("name", "split", "ours"),
    [
        ("STSBenchmark", "test", "stsb"),
        ("STSBenchmark", "validation", "stsb-dev"),
        ("SICK-R", "test", "sickr"),
        ("SprintDuplicateQuestions", "test", None),
        ("Banking77Classification", "test", None),
    ],
)
def test_equal(source: SentEval, name: str, split: str, ours: str | None) -> None:
    (kind,) = find(f"mteb:{name}{'' if split == 'test' else f':{split}'}").tasks
    found, *same = scores(source, kind(), *([registry().task_class(ours)()] if ours else []))
    assert found == pytest.approx(own_run(sentence_transformer(SPEC), name, split), abs=0.01)
    assert len(same) == (ours is not None)
    assert all(one == pytest.approx(found, abs=0.01) for one in same)
