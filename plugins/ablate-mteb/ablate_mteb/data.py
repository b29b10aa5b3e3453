"""Loads a task's data through MTEB, and learns which texts its evaluator encodes."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import mteb
from mteb.abstasks.abstask import AbsTask

from ablate.plugin_api import EncodedSet
from ablate_mteb.encoders import StandIn
from ablate_mteb.quiet import quietly


class NotCached(Exception):
    """The data of a task are not in the cache. A row says so, and the run goes on."""


@dataclass(frozen=True)
class MtebSet(EncodedSet):
    """Items of a task of MTEB, and what its evaluator encodes for them.

    answers: the relevant documents of each item, if the items are queries.
    further: a digest of everything else that decides the score, such as relevance judgments, and MTEB's version.
    run: the task with its data.
    """

    answers: tuple[tuple[str, ...], ...] = field(kw_only=True, default=())
    further: str = field(kw_only=True)
    run: Run = field(kw_only=True, compare=False, repr=False)

    @property
    def texts_compared(self) -> tuple[tuple[str, ...], ...]:
        """Of queries, each with itself and with each of its answers."""
        if not self.answers:
            return self.texts
        return tuple((query, query, *answers) for (query,), answers in zip(self.texts, self.answers, strict=True))

    @cached_property
    def hash(self) -> str:
        content = [super().hash, self.encoded, self.further]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True)
class Run:
    """A task with its data, on one split of one subset."""

    task: AbsTask
    subset: str
    split: str

    @cached_property
    def data(self) -> Any:
        """What MTEB has loaded of the subset and split."""
        return self.splits[self.split]

    @property
    def splits(self) -> Any:
        """What MTEB has loaded of the subset, by split."""
        dataset: Any = self.task.dataset
        return dataset.get(self.subset, dataset)

    def scores(self, encoder: Any, predictions: Path | None = None) -> dict[str, Any]:
        """MTEB's scores with an encoder. predictions: a folder to which MTEB writes what it predicts."""
        found = self.task.evaluate(
            encoder,
            self.split,
            subsets_to_run=[self.subset],
            encode_kwargs={"show_progress_bar": False},
            prediction_folder=predictions,
        )
        return cast("dict[str, Any]", found[self.subset])

    def predicted(self, encoder: Any) -> tuple[dict[str, Any], Any]:
        """MTEB's scores with an encoder, and its predictions, whose form depends on the type of the task."""
        with tempfile.TemporaryDirectory() as folder:
            scores = self.scores(encoder, Path(folder))
            file = Path(folder) / self.task.prediction_file_name
            predictions = json.loads(file.read_text(encoding="utf-8"))
        return scores, predictions[self.subset][self.split]

    def learned(self) -> StandIn:
        """What the evaluator encodes."""
        stand_in = StandIn()
        self.scores(stand_in)
        return stand_in

    @property
    def source(self) -> str:
        """The data, as tables name them."""
        about = self.task.metadata.dataset
        return f"MTEB {mteb.__version__}, {about['path']} at {about['revision'][:12]}"

    def digest(self, *further: Any) -> str:
        """Of the version of MTEB, the revision of the data, and more, as JSON."""
        about = self.task.metadata
        content = [mteb.__version__, about.dataset["path"], about.dataset["revision"], about.main_score, *further]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def load(name: str, subset: str, split: str, offline: bool = True) -> Run:
    """Loads a task's data, at the revision that MTEB pins.

    Args:
        offline: from the cache alone.

    Raises:
        NotCached: they are not there, or of another revision.
    """
    with quietly(offline):
        task = mteb.get_task(name, eval_splits=[split], hf_subsets=[subset])
        about = task.metadata.dataset
        try:
            task.load_data()
        except Exception as error:  # datasets raises a dozen kinds, depending on what is absent
            reason = " ".join(str(error).split())[:200]
            fetch = f"python -m ablate_mteb 'mteb:{name}'"
            raise NotCached(f"{about['path']} at {about['revision'][:12]}: {reason}; fetch it with {fetch}") from error
        if hasattr(task, "convert_v1_dataset_format_to_v2"):
            task.convert_v1_dataset_format_to_v2(num_proc=None)
        run = Run(task, subset, split)
        _check_revision(run)
        return run


def _check_revision(run: Run) -> None:
    """Refuses data of another revision: without the network, `datasets` takes any that it has."""
    about = run.task.metadata.dataset
    try:
        found = run.data
    except KeyError:
        splits = ", ".join(run.splits)
        raise NotCached(f"{about['path']} has no split '{run.split}', only {splits}; name one of these") from None
    parts = found.values() if isinstance(found, dict) else [found]
    for file in (file["filename"] for part in parts for file in getattr(part, "cache_files", None) or ()):
        folders = Path(file).parts
        if about["path"].replace("/", "___") in folders and about["revision"] not in folders:
            raise NotCached(
                f"the cache has another revision of {about['path']} than {about['revision'][:12]}, which MTEB pins; "
                f"fetch it with python -m ablate_mteb 'mteb:{run.task.metadata.name}'"
            )
