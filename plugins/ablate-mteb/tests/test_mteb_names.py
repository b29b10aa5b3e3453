"""What a name stands for, and what is refused."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

mteb = pytest.importorskip("mteb", reason="mteb is not installed: pip install ./plugins/ablate-mteb")

from ablate_mteb import find  # noqa: E402
from ablate_mteb.base import MtebTask  # noqa: E402
from ablate_mteb.tasks import KINDS  # noqa: E402

from ablate.errors import PluginError  # noqa: E402


def named(name: str) -> list[tuple[str, str, str]]:
    return [(task.name, task.split, task.metric) for task in find(name).tasks]


def test_a_task_is_one_class_and_its_split_counts_as_held_out() -> None:
    assert named("mteb:STSBenchmark") == [("mteb:STSBenchmark", "test", "spearman")]
    assert named("mteb:Banking77Classification") == [("mteb:Banking77Classification", "test", "accuracy")]
    assert named("mteb:NFCorpus") == [("mteb:NFCorpus", "test", "ndcg_at_10")]
    assert named("mteb:SprintDuplicateQuestions") == [("mteb:SprintDuplicateQuestions", "test", "max_ap")]
    # MTEB evaluates it on its dev split, and so does not choose on it.
    assert named("mteb:MSMARCO") == [("mteb:MSMARCO", "test", "ndcg_at_10")]


def test_a_split_that_is_named_may_choose() -> None:
    assert named("mteb:STSBenchmark:validation") == [("mteb:STSBenchmark:validation", "dev", "spearman")]
    assert named("mteb:STSBenchmark:train") == [("mteb:STSBenchmark:train", "train", "spearman")]
    assert named("mteb:STSBenchmark:test") == [("mteb:STSBenchmark:test", "test", "spearman")]


def test_a_task_of_several_subsets_is_a_group_of_them() -> None:
    assert named("mteb:STS22.v2[en]") == [("mteb:STS22.v2[en]", "test", "spearman")]
    subsets = mteb.get_task("STS22.v2").hf_subsets
    assert [name for name, *_ in named("mteb:STS22.v2")] == [f"mteb:STS22.v2[{subset}]" for subset in subsets]
    assert [name for name, *_ in named("mteb:MassiveIntentClassification[de]:validation")] == [
        "mteb:MassiveIntentClassification[de]:validation"
    ]
    assert len(named("mteb:CQADupstackRetrieval")) == 12, "an aggregate is the group of its members"
    assert named("mteb:LEMBNeedleRetrieval")[0] == ("mteb:LEMBNeedleRetrieval:test_256", "test", "ndcg_at_1")


def test_a_benchmark_is_a_group_by_type_and_says_what_it_leaves_out() -> None:
    benchmark = mteb.get_benchmark("MTEB(eng, v2)")
    sts = [task for task in benchmark.tasks if task.metadata.type == "STS"]
    found = find("mteb:MTEB(eng, v2):STS")
    assert [task.mteb_name for task in found.tasks] == [task.metadata.name for task in sts]
    assert {"mteb:STS22.v2[en]", "mteb:STS17[en-en]"} <= {task.name for task in found.tasks}
    assert found.note == ""
    whole = find("mteb:MTEB(eng, v2)")
    left_out = [task for task in benchmark.tasks if task.metadata.type not in KINDS]
    assert len(whole.tasks) == len(benchmark.tasks) - len(left_out) - 1
    assert whole.note == (
        "mteb:MTEB(eng, v2): ablate cannot measure and leaves out 8 Clustering, 1 Summarization, MindSmallReranking"
    )


REFUSED = {
    "mteb:STSBenchmrk": "has no task or benchmark 'STSBenchmrk'; did you mean 'STSBenchmark'?",
    "mteb:": "has no task or benchmark ''; mteb.get_tasks() lists them",
    "mteb:STS22.v2[xx]": "'mteb:STS22.v2' has no subset 'xx'; valid: ar, de, de-en",
    "mteb:STS22.v2[en": "has no task or benchmark 'STS22.v2[en'; did you mean 'STS22.v2'?",
    "mteb:TwentyNewsgroupsClustering": "is of type Clustering, which has no value for each item; supported are STS,",
    "mteb:SummEvalSummarization.v2": "is of type Summarization",
    "mteb:Tatoeba": "is of type BitextMining",
    "mteb:MindSmallReranking": "has the main score max_over_subqueries_map_at_1000, which is no mean over items",
    "mteb:MTEB(eng, v2):Clustering": "has no task that ablate measures: ArXivHierarchicalClusteringP2P is of type Clus",
    "mteb:MTEB(eng, v2):STSS": "'MTEB(eng, v2)' of MTEB has no tasks of type 'STSS'; did you mean 'STS'?",
    "mteb:MTEB(eng v2)": "did you mean 'MTEB(eng, v2)'?",
    "mteb:CIFAR10": "is not of text alone (image)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name: str) -> None:
    with pytest.raises(PluginError) as caught:
        find(name)
    assert REFUSED[name] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_task_of_text_is_found_or_refused_with_a_reason() -> None:
    found = refused = 0
    for task in mteb.get_tasks(modalities=["text"], exclude_superseded=False):
        try:
            classes = find(f"mteb:{task.metadata.name}").tasks
        except PluginError:
            refused += 1
            continue
        found += 1
        assert all(find(kind.name).tasks == (kind,) for kind in classes[:2]), task
    assert found > 900, (found, refused)


def test_a_task_is_the_same_in_another_process() -> None:
    (kind,) = find("mteb:STS22.v2[en]").tasks
    task = kind()
    assert isinstance(task, MtebTask)
    again = pickle.loads(pickle.dumps(task))
    assert type(again) is kind
    assert again.identity() == task.identity()
    assert task.identity()["origin"] == "ablate_mteb"
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).identity())"
    ran = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(task), capture_output=True, check=True)
    assert ran.stdout.decode().strip() == str(task.identity())


def test_the_global_random_states_are_as_before() -> None:
    from ablate_mteb import names

    names.find.cache_clear()
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    find("mteb:STS12")
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
