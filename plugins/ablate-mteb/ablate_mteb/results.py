"""A cell's scores as MTEB's result files: what its own run of the exported model would write, of the main score."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import mteb
from mteb.results import TaskResult

from ablate.plugin_api import Scored
from ablate_mteb.base import MtebTask
from ablate_mteb.quiet import quietly

REVISION = "no_revision_available"
"""What MTEB calls the revision of a model that has none."""


def files(model: str, scored: Sequence[Scored]) -> Mapping[str, str]:
    """``results/MODEL/REVISION/TASK.json`` of each task of MTEB. Each is read again by MTEB before it is given.

    A task of which another score than MTEB's main one is measured has no file.
    """
    by_task: dict[str, list[tuple[MtebTask, float]]] = {}
    for one in scored:
        if isinstance(one.task, MtebTask):
            by_task.setdefault(one.task.mteb_name, []).append((one.task, one.score / 100))
    folder = f"results/{re.sub(r'[^A-Za-z0-9._-]', '_', model)}/{REVISION}"
    with quietly(), tempfile.TemporaryDirectory() as scratch:
        made: dict[str, str] = {}
        for name, scores in by_task.items():
            about = mteb.get_task(name).metadata
            if scores[0][0].metric == "accuracy" != about.main_score:
                continue
            made[f"{folder}/{name}.json"] = _text(name, scores, Path(scratch) / f"{name}.json")
    return made


def _text(name: str, scores: Sequence[tuple[MtebTask, float]], file: Path) -> str:
    task, by_split = mteb.get_task(name), dict[str, dict[str, dict[str, float]]]()
    main = task.metadata.main_score
    for of, score in scores:
        by_split.setdefault(of.mteb_split, {})[of.subset] = {main: score, "main_score": score}
    result = TaskResult.from_task_results(task, by_split, evaluation_time=0.0)
    result.evaluation_time = None  # ablate measures many tasks at once
    result.to_disk(file)
    TaskResult.from_disk(file)
    return file.read_text(encoding="utf-8")
