"""Tasks of MTEB as tasks of ablate: a value for each item, and the score that MTEB's own evaluator gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, cast

import numpy as np
from datasets import Dataset
from mteb.abstasks.abstask import AbsTask
from mteb.abstasks.aggregated_task import AbsTaskAggregate
from numpy.typing import NDArray

from ablate.plugin_api import (
    AVERAGE_PRECISION,
    SPEARMAN,
    Mean,
    PluginError,
    Statistic,
)
from ablate_mteb.base import MtebTask
from ablate_mteb.data import Run
from ablate_mteb.encoders import Known, StandIn

_PERCENT = Mean(scale=100)
_FAMILIES = {
    **dict.fromkeys(("STS12", "STS13", "STS14", "STS15", "STS16", "STSBenchmark"), "SemEval"),
    "SICK-R": "SICK",
}
"""Those that have sentences of one source, as ablate's own tasks of these names."""


class MtebSts(MtebTask):
    """Spearman's correlation of cosine and score, × 100: MTEB's ``cosine_spearman``."""

    metric: ClassVar[str] = "spearman"
    range: ClassVar[tuple[float, float]] = (-100, 100)

    def items(self, run: Run, learned: StandIn) -> Mapping[str, Any]:  # noqa: ARG002
        task = cast("Any", run.task)
        return {"texts": _pairs(run.data, *task.column_names), "gold": run.data["score"]}

    def values(self, run: Run, encoder: Known) -> tuple[NDArray[np.float32], float]:
        scores, predicted = run.predicted(encoder)
        return np.array(predicted["cosine_scores"], np.float32), 100 * scores["cosine_spearman"]

    def statistic(self) -> Statistic:
        return SPEARMAN


class MtebPairs(MtebTask):
    """Average precision, × 100: MTEB's ``max_ap``, the highest of five similarities and distances.

    The value of a pair is that similarity, or the distance negated. All five rank alike if embeddings are normalized,
    but for Manhattan's distance.
    """

    metric: ClassVar[str] = "max_ap"

    def items(self, run: Run, learned: StandIn) -> Mapping[str, Any]:  # noqa: ARG002
        task, data = cast("Any", run.task), run.data
        # As MTEB reads a set that is stored in one row.
        data = Dataset.from_dict(data[0]) if len(data) == 1 else data
        texts = _pairs(data, task.input1_column_name, task.input2_column_name)
        return {"texts": texts, "gold": data[task.label_column_name]}

    def values(self, run: Run, encoder: Known) -> tuple[NDArray[np.float32], float]:
        scores, predicted = run.predicted(encoder)
        of = {
            "similarity": ("similarity_scores", 1),
            "cosine": ("cosine_scores", 1),
            "manhattan": ("manhattan_distances", -1),
            "euclidean": ("euclidean_distances", -1),
            "dot": ("dot_scores", 1),
        }
        name, sign = of[max(of, key=lambda each: scores[f"{each}_ap"])]
        return np.array(predicted[name], np.float32) * np.float32(sign), 100 * scores["max_ap"]

    def statistic(self) -> Statistic:
        return AVERAGE_PRECISION


class MtebClasses(MtebTask):
    """Accuracy, × 100. The value of an item is the share of MTEB's experiments in which its class is found."""

    metric: ClassVar[str] = "accuracy"

    def items(self, run: Run, learned: StandIn) -> Mapping[str, Any]:  # noqa: ARG002
        task = cast("Any", run.task)
        labels = run.data[task.label_column_name]
        number = {label: i for i, label in enumerate(sorted(set(labels)))}
        texts = tuple((text,) for text in run.data[task.input_column_name])
        # The texts that classifiers are fitted on are among those that are encoded. Their labels count too.
        train = run.splits[task.train_split][task.label_column_name]
        return {"texts": texts, "gold": [number[label] for label in labels], "further": (labels, list(train))}

    def values(self, run: Run, encoder: Known) -> tuple[NDArray[np.float32], float]:
        scores, predicted = run.predicted(encoder)
        right = np.array(predicted) == np.array(run.data[cast("Any", run.task).label_column_name])
        return right.mean(0).astype(np.float32), 100 * scores["accuracy"]

    def statistic(self) -> Statistic:
        return _PERCENT


class MtebQueries(MtebTask):
    """The mean over queries of MTEB's main score, × 100, such as ``ndcg_at_10``. The value of a query is its own."""

    def items(self, run: Run, learned: StandIn) -> Mapping[str, Any]:
        queries, corpus, judged = run.data["queries"]["id"], run.data["corpus"]["id"], run.data["relevant_docs"]
        query = dict(zip(queries, learned.of_role("query"), strict=True))
        document = dict(zip(corpus, learned.of_role("document"), strict=True))
        answers = [
            tuple(document[number] for number, grade in judged[each].items() if grade > 0 and number in document)
            for each in queries
        ]
        ranked = run.data["top_ranked"]
        further = (list(queries), list(corpus), {each: judged[each] for each in queries}, ranked)
        return {"texts": tuple((query[each],) for each in queries), "answers": tuple(answers), "further": further}

    def values(self, run: Run, encoder: Known) -> tuple[NDArray[np.float32], float]:
        task, by_query = cast("Any", run.task), dict[str, dict[str, float]]()

        def noted(scores: dict[str, dict[str, float]], *_: Any, **__: Any) -> dict[str, float]:
            by_query.update(scores)
            return {}

        # Where MTEB lets a task compute more from the scores of the queries.
        task.task_specific_scores = noted
        try:
            scores = run.scores(encoder)
        finally:
            del task.task_specific_scores
        main = task.metadata.main_score
        name, at = _at(main)
        queries = run.data["queries"]["id"]
        without = [query for query in queries if query not in by_query]
        if without:
            raise PluginError(f"task '{self.name}': MTEB gives no score to the query '{without[0]}'")
        return np.array([by_query[query][f"{name}_{at}"] for query in queries], np.float32), 100 * scores[main]

    def statistic(self) -> Statistic:
        return _PERCENT


KINDS: Mapping[str, type[MtebTask]] = {
    "STS": MtebSts,
    "PairClassification": MtebPairs,
    "Classification": MtebClasses,
    "Retrieval": MtebQueries,
    "Reranking": MtebQueries,
}
"""MTEB's types of task that have a value for each item."""

_MAIN = {"STS": {"cosine_spearman"}, "PairClassification": {"max_ap"}, "Classification": {"accuracy", "f1"}}
_BY_QUERY = {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P", "hit_rate": "success"}


def _at(main_score: str) -> tuple[str, str]:
    """A main score of queries, as MTEB's evaluator calls it: ``ndcg_at_10`` is ``ndcg_cut`` at 10."""
    name, _, at = main_score.partition("_at_")
    return _BY_QUERY.get(name, ""), at if at.isdigit() else ""


def refusal(task: AbsTask) -> str:
    """Why ablate cannot measure a task of MTEB; empty if it can."""
    about = task.metadata
    if about.modalities != ["text"]:
        return f"is not of text alone ({', '.join(about.modalities)})"
    if about.type not in KINDS:
        return f"is of type {about.type}, which has no value for each item; supported are {', '.join(KINDS)}"
    if isinstance(task, AbsTaskAggregate):
        return next((why for member in task.tasks if (why := refusal(member))), "")
    fits = all(_at(about.main_score)) if KINDS[about.type] is MtebQueries else about.main_score in _MAIN[about.type]
    if not fits:
        return f"has the main score {about.main_score}, which is no mean over items"
    if getattr(task, "is_cross_validation", False):
        return "is cross-validated, which this plug-in does not follow"
    return ""


@cache
def made(name: str, mteb_name: str, subset: str, mteb_split: str, split: str) -> type[MtebTask]:
    """The class of a task. name: in recipes and tables. split: in ablate's words."""
    import mteb

    about = mteb.get_task(mteb_name).metadata
    base, where = KINDS[about.type], f" [{subset}]" if subset != "default" else ""
    family = re.sub(r"\.v\d+$", "", mteb_name)
    members: dict[str, Any] = {
        "name": name,
        "help": f"MTEB {about.type}: {mteb_name}{where}, {mteb_split}",
        "split": split,
        "family": _FAMILIES.get(family, f"mteb:{family}"),
        "mteb_name": mteb_name,
        "subset": subset,
        "mteb_split": mteb_split,
        "__module__": __name__,
        "__doc__": base.__doc__,
    }
    if base is MtebQueries:
        members["metric"] = about.main_score
    return cast("type[MtebTask]", type(base.__name__, (base,), members))


def _pairs(data: Any, *columns: str | Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    names: Sequence[str] = [column if isinstance(column, str) else next(iter(column)) for column in columns]
    return tuple(zip(*(data[name] for name in names), strict=True))
