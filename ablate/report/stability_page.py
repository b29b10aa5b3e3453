"""The page that ``ablate stability`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report import wording
from ablate.report.table import Block, Column, Line, Page, Table, TableCell
from ablate.statistics.ranking_agreement import SAME, SHARED

Entry = Mapping[str, Any]
"""One model × scorer × granularity of the payload (docs/stability.md)."""


def page(about: Mapping[str, Any]) -> Page:
    """Everything that ``ablate stability`` prints, from the record that it stored."""
    entries: Sequence[Entry] = about["stability"]
    blocks = []
    for model in about["models"]:
        own = [entry for entry in entries if entry["model"] == model]
        if own:
            tables = [_seeds(own), _sizes(own), *_batches(own), *_scores(own)]
            blocks.append(Block(model if len(about["models"]) > 1 else None, tuple(tables)))
    head = (f"model: {', '.join(about['models'])}", f"data: {about['data']} – {about['data_why']}", *about["notes"])
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in about["timings"].items())
    foot = (f"seconds: {spent}", f"store: {about['store']}, run {about['run']}", f"command: {about['command']}")
    return Page(head, tuple(blocks), foot)


def _seeds(entries: Sequence[Entry]) -> Table:
    first = entries[0]["seeds"]
    title = (
        f"Seeds: how far {len(first['values'])} calibration sets agree "
        f"({first['pairs']} pairs, {first['sentences']} sentences, batches of {first['batch_size']})"
    )
    places = [_place(one) for one in first["jaccard"]]
    columns = [
        *_STUBS,
        Column("Kendall"),
        Column("Spearman"),
        *(Column(f"Jaccard {place}", group=1) for place in places),
    ]
    lines = []
    for entry in entries:
        seeds = entry["seeds"]
        jaccard = [_spread(one["value"]) for one in seeds["jaccard"]]
        lines.append(_line(entry, [_spread(seeds["kendall"]), _spread(seeds["spearman"]), *jaccard]))
    notes = (
        "Mean (lowest – highest) over pairs of calibration seeds; Jaccard: of the removed units, at each sparsity.",
        *_sampled(entries),
    )
    return Table(title, tuple(columns), tuple(lines), "row", notes)


def _sizes(entries: Sequence[Entry]) -> Table:
    sizes = entries[0]["sizes"]
    columns = (*_STUBS, *(Column(str(one["size"])) for one in sizes), Column("enough"))
    shared = [f"{100 * one['shared']:.0f} %" for one in sizes]
    drawn = [f"{one['pairs']} / {one['sentences']}" for one in sizes]
    lines = [
        Line(tuple(map(TableCell, ("pairs / sentences", "", *drawn, "")))),
        Line(tuple(map(TableCell, ("shared pairs", "", *shared, "")))),
    ]
    for place, entry in enumerate(entries):
        at = [f"{_mean(one['largest']['spearman'])} / {_jaccard(one['largest']['jaccard'])}" for one in entry["sizes"]]
        enough = f"more than {sizes[-1]['size']}" if entry["enough"] is None else str(entry["enough"])
        lines.append(_line(entry, [*at, enough], new=place == 0))
    notes = (
        f"Spearman of contributions / Jaccard of removed units, with the {sizes[-1]['size']} of other seeds: means.",
        f"enough: the smallest size from which on Spearman is {SAME:g} and Jaccard {SHARED:.2f} at least, "
        "which means that nine in ten of the removed units are the same.",
        "shared: of a set's pairs, those that the other has too; they make the two agree by themselves.",
    )
    return Table(
        "Sizes: how many calibration pairs, and as many sentences?", tuple(columns), tuple(lines), "row", notes
    )


def _batches(entries: Sequence[Entry]) -> list[Table]:
    batches = entries[0]["batch_sizes"]
    if not batches:
        return []
    columns = [*_STUBS, *(Column(str(one["batch_size"])) for one in batches)]
    lines = [
        _line(entry, [f"{_mean(one['spearman'])} / {_jaccard(one['jaccard'])}" for one in entry["batch_sizes"]])
        for entry in entries
    ]
    own = entries[0]["seeds"]["batch_size"]
    notes = (f"Spearman of contributions / Jaccard of removed units, with the recipe's batches of {own}.",)
    return [Table("Batch sizes", tuple(columns), tuple(lines), "row", notes)]


def _scores(entries: Sequence[Entry]) -> list[Table]:
    scores = entries[0]["scores"]
    if not scores:
        return []
    first = scores[0]
    columns = [*_STUBS, *(Column(_place(one)) for one in scores)]
    lines = [_line(entry, [_gain(one) for one in entry["scores"]]) for entry in entries]
    title = f"Scores: gain over dense on {', '.join(first['tasks'])}, {first['unit']}"
    notes = (
        f"Mean ± sample sd (lowest – highest) over {len(first['gains'])} calibration seeds, "
        "on the pairs that none of the sets has seen.",
    )
    return [Table(title, tuple(columns), tuple(lines), "row", notes)]


_STUBS = (Column("granularity", stub=True), Column("scorer", stub=True))


def _line(entry: Entry, texts: Sequence[str], new: bool = False) -> Line:
    scorer = entry["scorer"] if entry["seed"] is None else f"{entry['scorer']} seed {entry['seed']}"
    return Line(tuple(map(TableCell, (entry["granularity"], scorer, *texts))), new)


def _place(one: Mapping[str, Any]) -> str:
    by_layer = ", by layer" if one["scope"] == "layer" else ""
    return wording.sparsity(one["sparsity"]) + by_layer


def _spread(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "undefined"
    return f"{found['mean']:.2f}" + (f" ({found['low']:.2f} – {found['high']:.2f})" if found["count"] > 1 else "")


def _mean(found: Mapping[str, Any] | None) -> str:
    return "undefined" if found is None else f"{found['mean']:.2f}"


def _jaccard(found: Sequence[Mapping[str, Any]]) -> str:
    """The mean over the cells that remove anything."""
    means = [one["value"]["mean"] for one in found if one["value"] is not None]
    return f"{sum(means) / len(means):.2f}" if means else "undefined"


def _gain(one: Mapping[str, Any]) -> str:
    if one["mean"] is None:
        return str(one["reason"])
    sd = "" if one["sd"] is None else f" ± {one['sd']:.2f}"
    return f"{one['mean']:+.2f}{sd} ({one['low']:+.2f} – {one['high']:+.2f})"


def _sampled(entries: Sequence[Entry]) -> list[str]:
    """Which granularities are too large to be compared unit by unit."""
    found = {entry["granularity"]: entry for entry in entries if entry["sampled"] < entry["units"]}
    return [
        f"{name}: compared on a seeded sample of {entry['sampled']:,} of {entry['units']:,} units."
        for name, entry in found.items()
    ]
