"""What the pages of all studies have in common: model and data above, one block a model, seconds and store below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ablate.report.table import Block, Table
from ablate.studies.prevalence_record import PrevalenceEntry, PrevalenceRecord
from ablate.studies.stability_record import StabilityEntry, StabilityRecord

E = TypeVar("E", PrevalenceEntry, StabilityEntry)


def head(record: PrevalenceRecord | StabilityRecord) -> list[str]:
    """The lines on model and data."""
    about = record.manifest
    return [f"model: {', '.join(record.models)}", f"data: {about['data']} – {about['data_why']}"]


def blocks(models: Sequence[str], entries: Sequence[E], tables: Callable[[Sequence[E]], list[Table]]) -> list[Block]:
    """The tables of each model that has entries; the model heads its block if there are several."""
    by_model = {model: [entry for entry in entries if entry.model == model] for model in models}
    return [Block(model if len(models) > 1 else None, tuple(tables(own))) for model, own in by_model.items() if own]


def foot(record: PrevalenceRecord | StabilityRecord) -> tuple[str, ...]:
    """The lines on seconds, store and command."""
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in record.timings.items())
    about = record.manifest
    return (f"seconds: {spent}", f"store: {about['store']}, run {record.run}", f"command: {about['command']}")
