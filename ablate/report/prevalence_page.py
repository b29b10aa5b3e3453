"""The page that ``ablate prevalence`` prints: the answer in sentences, then the figures that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report import wording
from ablate.report.prevalence_text import Entry, interval, listed, percent, sentences, unknown
from ablate.report.table import Block, Column, Line, Page, Table, TableCell


def page(about: Mapping[str, Any]) -> Page:
    """Everything that ``ablate prevalence`` prints, from the record that it stored."""
    entries: Sequence[Entry] = about["prevalence"]
    blocks = []
    for model in about["models"]:
        own = [entry for entry in entries if entry["model"] == model]
        if own:
            tables = [_units(own), _layers(own), *_sparsities(own)]
            blocks.append(Block(model if len(about["models"]) > 1 else None, tuple(tables)))
    head = [f"model: {', '.join(about['models'])}", f"data: {about['data']} – {about['data_why']}"]
    if about["earlier"] is None:
        head.append("the store has no run of this recipe: `ablate run` tells which sparsities do no harm")
    else:
        head.append(f"sparsities: of run {about['earlier']}")
    for entry in entries:
        whose = f"{entry['model']}, " if len(about["models"]) > 1 else ""
        head.append(f"{whose}{entry['granularity']}: {' '.join(sentences(entry))}")
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in about["timings"].items())
    foot = (f"seconds: {spent}", f"store: {about['store']}, run {about['run']}", f"command: {about['command']}")
    return Page(tuple(head), tuple(blocks), foot)


def _units(entries: Sequence[Entry]) -> Table:
    scorers = [one["scorer"] for one in entries[0]["predicted"]]
    columns = (
        Column("granularity", stub=True),
        Column("removed"),
        *(Column(f"predicted by {scorer}", group=1) for scorer in scorers),
        Column("truly", group=2),
        Column("replicated", group=2),
        Column("base rate", group=2),
        Column("found", group=3),
        Column("confirmed", group=3),
    )
    lines = []
    for entry in entries:
        predicted = [f"{percent(one['share'])}, ρ {_number(one['spearman'])}" for one in entry["predicted"]]
        share, again, confirm = entry["share"], entry["replication"], entry["confirm"]
        size = "" if entry["group_size"] == 1 else f" groups of {entry['group_size']:,}"
        texts = [
            entry["granularity"],
            f"{entry['groups']}{size}",
            *predicted,
            "–" if share is None else _truly(share),
            "–" if again is None else percent(again["replicated"]),
            "–" if again is None else percent(again["base"]),
            str(len(entry["found"])),
            "–" if confirm is None else f"{confirm['confirmed']} of {len(entry['found'])}",
        ]
        lines.append(Line(tuple(map(TableCell, texts))))
    notes = (
        "Share of units that hurt.",
        "predicted: a first-order contribution below 0; ρ: its Spearman correlation with exact removal.",
        "truly: gains of exact removal, the noise taken out (normal-normal empirical Bayes, 95 % over units).",
        "replicated: of those that gain on half of the pairs, the share that gain on the other; base rate: of all.",
        f"found: gains at a false-discovery rate of {percent(entries[0]['rate'])}; confirmed: again on other data.",
        *(f"{entry['granularity']}: {entry['undefined']} have no score." for entry in entries if entry["undefined"]),
    )
    return Table("How many units hurt?", columns, tuple(lines), "row", notes)


def _layers(entries: Sequence[Entry]) -> Table:
    scorers = [one["scorer"] for one in entries[0]["predicted"]]
    columns = (
        Column("granularity", stub=True),
        Column("layer", stub=True),
        Column("removed"),
        *(Column(f"predicted by {scorer}") for scorer in scorers),
        Column("truly"),
        Column("mean gain"),
        Column("found"),
        Column("confirmed"),
    )
    lines = []
    for number, entry in enumerate(entries):
        for place, one in enumerate(entry["layers"]):
            texts = [
                entry["granularity"],
                str(one["layer"]),
                str(one["groups"]),
                *(percent(one["predicted"][scorer]) for scorer in scorers),
                "–" if entry["share"] is None or unknown(entry["share"]) else percent(one["share"]),
                "–" if one["gain"] is None else f"{one['gain']:+.3f}",
                str(one["found"]),
                "–" if entry["confirm"] is None else str(one["confirmed"]),
            ]
            lines.append(Line(tuple(map(TableCell, texts)), new=number > 0 and place == 0))
    notes = ("mean gain: of the removed units or groups, in the unit of the tasks. Layers from 0, the lowest.",)
    return Table("Where do they live?", columns, tuple(lines), "row", notes)


def _sparsities(entries: Sequence[Entry]) -> list[Table]:
    lines = []
    for entry in entries:
        for one in entry["harmless"]:
            tried = ", ".join(map(wording.sparsity, one["tried"]))
            details = [one["scorer"], *(["by layer"] if one["scope"] == "layer" else [])]
            details += [f"in {one['steps']} steps"] if one["steps"] > 1 else []
            largest = "none" if one["sparsity"] is None else wording.sparsity(one["sparsity"])
            texts = (entry["granularity"], " ".join(details), largest, tried, listed(one["tasks"]))
            lines.append(Line(tuple(map(TableCell, texts))))
    if not lines:
        return []
    columns = (
        Column("granularity", stub=True),
        Column("scorer", stub=True),
        Column("harmless up to"),
        Column("tried"),
        Column("on"),
    )
    notes = ("By a fixed-sequence test: sparsities in rising order, up to the first that is not shown to be harmless.",)
    return [Table("How much can go without harm?", columns, tuple(lines), "row", notes)]


def _truly(share: Mapping[str, Any]) -> str:
    return f"{'unknown' if unknown(share) else percent(share['value'])} ({interval(share, ' – ')})"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
