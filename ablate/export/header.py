"""The header of a model card, which the Hub reads: where the model comes from, and its results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from ablate.data.hub import HUB
from ablate.data.names import KNOWN
from ablate.export.record import Exported
from ablate.export.without_places import without_places
from ablate.record import Row

TAGS = ("sentence-transformers", "sentence-similarity", "feature-extraction", "pruned", "ablate")
LIBRARY = "sentence-transformers"

_TASKS = {"spearman": "semantic-similarity", "pearson": "semantic-similarity", "accuracy": "text-classification"}
_OTHER_TASK = "feature-extraction"


def header(exported: Exported) -> str:
    """The header as YAML, without the lines that begin and end it."""
    origin = exported.origin
    languages: str | list[str] | None = list(origin.language) or None
    if languages and len(languages) == 1:
        languages = languages[0]
    license_: dict[str, Any] = dict(origin.license)
    data = ModelCardData(
        base_model=origin.hub_id,
        language=languages,
        library_name=LIBRARY,
        pipeline_tag="sentence-similarity",
        tags=list(TAGS),
        model_name=exported.folder.name,
        eval_results=list(_results(exported)) or None,
        **license_,
    )
    # Without results, the Hub has no use for the name.
    data.pop("model_name", None) if data.eval_results is None else None
    return data.to_yaml()


def _results(exported: Exported) -> Iterator[EvalResult]:
    """The scores on tasks that confirmed the cell. Those on tasks that chose it are optimistic, and are left out."""
    for row in exported.rows:
        if row.stage == "confirm" and row.score is not None and row.dim is None:
            yield _result(row, row.metric, round(row.score, 4), f"{row.metric}, {row.unit}")
            yield from _difference(row, exported.about.clean)


def _difference(row: Row, clean: bool) -> Iterator[EvalResult]:
    """The difference from the dense model, if it has an interval."""
    delta, dense = row.delta_on(clean), row.dense_on(clean)
    if delta is None or dense is None or row.low is None or row.high is None:
        return
    name = f"{row.metric}, exported - dense, {row.unit}; 95 % interval {row.low:+.2f} to {row.high:+.2f}"
    about: dict[str, Any] = {
        "dense": round(dense, 4),
        "low": round(row.low, 4),
        "high": round(row.high, 4),
        "coverage": 0.95,
    }
    about |= {"items": row.n_clean if clean else row.n, "verdict": row.verdict}
    yield _result(row, f"{row.metric}_difference", round(delta, 4), name, about)


def _result(row: Row, metric: str, value: float, name: str, about: dict[str, Any] | None = None) -> EvalResult:
    # Data from elsewhere are not exactly those of the Hub, so only its own have its ids.
    on_hub = HUB.get(row.task) if row.data == "hub" else None
    what = KNOWN.get(row.task, row.task)
    return EvalResult(
        task_type=_TASKS.get(row.metric, _OTHER_TASK),
        dataset_type=on_hub.repo if on_hub else row.task,
        dataset_name=what if on_hub else f"{what} ({without_places(row.data)})",
        dataset_split=on_hub.split if on_hub else row.split,
        dataset_revision=on_hub.revision if on_hub else None,
        metric_type=metric,
        metric_value=value,
        metric_name=name,
        metric_args=about,
    )
