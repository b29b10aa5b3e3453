"""MTEB's result files of a cell: those that MTEB writes of its own run, of the main score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

mteb = pytest.importorskip("mteb", reason="mteb is not installed: pip install ./plugins/ablate-mteb")

from ablate_mteb import find, result_files  # noqa: E402
from mteb.results import TaskResult  # noqa: E402

from ablate.plugin_api import Scored  # noqa: E402
from ablate.plugins import registry  # noqa: E402

PLACE = "results/smaller_model/no_revision_available"


def read(tmp_path: Path, text: str) -> TaskResult:
    file = tmp_path / "task.json"
    file.write_text(text)
    return TaskResult.from_disk(file)


def test_a_file_has_the_main_score_of_every_subset_and_split(tmp_path: Path) -> None:
    given = [
        *((f"mteb:STS22.v2[{subset}]", score) for subset, score in (("en", 66.0), ("de", 44.0))),
        ("mteb:STSBenchmark", 82.0325),
        ("mteb:STSBenchmark:validation", 86.5),
        ("mteb:NFCorpus", 31.25),
    ]
    files = result_files("smaller model", [Scored(find(name).tasks[0](), score) for name, score in given])
    assert sorted(files) == [f"{PLACE}/{name}.json" for name in ("NFCorpus", "STS22.v2", "STSBenchmark")]
    several = read(tmp_path, files[f"{PLACE}/STS22.v2.json"])
    assert several.get_score() == pytest.approx(0.55)
    assert several.get_score(languages=["deu"]) == pytest.approx(0.44)
    stsb = read(tmp_path, files[f"{PLACE}/STSBenchmark.json"])
    assert stsb.get_score(splits=["test"]) == pytest.approx(0.820325)
    assert stsb.get_score(splits=["validation"]) == pytest.approx(0.865)
    assert stsb.task_name == "STSBenchmark"
    assert stsb.dataset_revision == mteb.get_task("STSBenchmark").metadata.revision
    assert stsb.mteb_version == mteb.__version__
    raw = json.loads(files[f"{PLACE}/NFCorpus.json"])
    (of_test,) = raw["scores"]["test"]
    assert of_test["main_score"] == of_test["ndcg_at_10"] == 0.3125
    assert of_test["hf_subset"] == "default"
    assert raw["evaluation_time"] is None


def test_what_is_not_mtebs_main_score_has_no_file() -> None:
    (f1,) = find("mteb:WisesightSentimentClassification.v2").tasks
    stsb = registry().task_class("stsb")
    assert result_files("model", [Scored(f1(), 50.0), Scored(stsb(), 80.0)]) == {}
    assert result_files("model", [Scored(stsb(), 80.0)]) == {}
