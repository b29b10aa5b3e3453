"""What the pages of all studies share: lines on model and data, a block for each model, lines on seconds and store."""

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
    lines = [f"model: {', '.join(record.models)}", f"data: {about['data']} – {about['data_why']}"]
    # The record of an older ablate has neither; it computed on the CPU, in float32.
    device = about.get("device", "cpu")
    precision = (about.get("recipe") or {}).get("precision", "float32")
    if (device, precision) != ("cpu", "float32"):
        lines.append(f"device: {device}, evaluated in {precision}")
    return lines


def blocks(models: Sequence[str], entries: Sequence[E], tables: Callable[[Sequence[E]], list[Table]]) -> list[Block]:
    """The tables of each model that has entries, under the model's name if there are several models."""
    by_model = {model: [entry for entry in entries if entry.model == model] for model in models}
    return [
        Block(model if len(models) > 1 else None, tuple(tables(of_model)))
        for model, of_model in by_model.items()
        if of_model
    ]


def foot(record: PrevalenceRecord | StabilityRecord) -> tuple[str, ...]:
    """The lines on seconds, store and command."""
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in record.timings.items())
    about = record.manifest
    return (f"seconds: {spent}", f"store: {about['store']}, run {record.run}", f"command: {about['command']}")
