"""The page that ``ablate stability`` prints."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.report import study_page, wording
from ablate.report.table import Column, Line, Page, Table, TableCell
from ablate.statistics.ranking_agreement import SAME, SHARED, Spread
from ablate.studies.stability_record import (
    Agreement,
    BatchSizeAgreement,
    CellScores,
    Overlap,
    StabilityEntry,
    StabilityRecord,
    mean_overlap,
)

Entries = Sequence[StabilityEntry]
"""The entries of one model, at least one."""


def page(record: StabilityRecord) -> Page:
    """Everything that ``ablate stability`` prints."""
    blocks = study_page.blocks(record.models, record.stability, _tables)
    return Page((*study_page.head(record), *record.notes), tuple(blocks), study_page.foot(record))


def _tables(entries: Entries) -> list[Table]:
    return [_seeds(entries), _sizes(entries), *_batches(entries), *_scores(entries)]


def _seeds(entries: Entries) -> Table:
    first = entries[0].seeds
    title = (
        f"Seeds: how far {len(first.values)} calibration sets agree "
        f"({first.pairs} pairs, {first.sentences} sentences, batches of {first.batch_size})"
    )
    columns = [
        *_STUBS,
        Column("Kendall"),
        Column("Spearman"),
        *(Column(f"Jaccard {_cell(overlap)}", group=1) for overlap in first.jaccard),
    ]
    lines = []
    for entry in entries:
        spreads = (entry.seeds.kendall, entry.seeds.spearman, *(overlap.value for overlap in entry.seeds.jaccard))
        lines.append(_line(entry, list(map(_spread, spreads))))
    notes = (
        "Mean (lowest – highest) over pairs of calibration seeds; Jaccard: of the removed units, at each sparsity.",
        *_sampled(entries),
    )
    return Table(title, tuple(columns), tuple(lines), "row", notes)


def _sizes(entries: Entries) -> Table:
    # All entries have the same sizes, since one study draws its calibration sets once.
    sizes = entries[0].sizes
    largest = sizes[-1].size
    columns = (*_STUBS, *(Column(str(agreement.size)) for agreement in sizes), Column("enough"))
    shared = [f"{100 * agreement.shared:.0f} %" for agreement in sizes]
    drawn = [f"{agreement.pairs} / {agreement.sentences}" for agreement in sizes]
    lines = [
        Line(tuple(map(TableCell, ("pairs / sentences", "", *drawn, "")))),
        Line(tuple(map(TableCell, ("shared pairs", "", *shared, "")))),
    ]
    for place, entry in enumerate(entries):
        enough = f"more than {largest}" if entry.enough is None else str(entry.enough)
        agreements = [_means(agreement.largest) for agreement in entry.sizes]
        lines.append(_line(entry, [*agreements, enough], new=place == 0))
    notes = (
        f"Mean Spearman of contributions / mean Jaccard of removed units, with the sets of {largest} of other seeds.",
        f"enough: the smallest size from which on Spearman is at least {SAME:g} and Jaccard at least {SHARED:.2f}, "
        "which means that nine in ten of the removed units are the same.",
        "shared: how many of a set's pairs the other set has too; these alone make the two agree to some degree.",
    )
    return Table(
        "Sizes: how many calibration pairs, and as many sentences?", tuple(columns), tuple(lines), "row", notes
    )


def _batches(entries: Entries) -> list[Table]:
    batches = entries[0].batch_sizes
    if not batches:
        return []
    columns = (*_STUBS, *(Column(str(agreement.batch_size)) for agreement in batches))
    lines = [_line(entry, list(map(_means, entry.batch_sizes))) for entry in entries]
    recipe = entries[0].seeds.batch_size
    notes = (f"Spearman of contributions / Jaccard of removed units, with the recipe's batches of {recipe}.",)
    return [Table("Batch sizes", columns, tuple(lines), "row", notes)]


def _scores(entries: Entries) -> list[Table]:
    scores = entries[0].scores
    if not scores:
        return []
    first = scores[0]
    columns = (*_STUBS, *(Column(_cell(cell)) for cell in scores))
    lines = [_line(entry, list(map(_gain, entry.scores))) for entry in entries]
    title = f"Scores: gain over dense on {', '.join(first.tasks)}, {first.unit}"
    notes = (
        f"Mean ± sample sd (lowest – highest) over {len(first.gains)} calibration seeds, "
        "on the pairs that none of the sets has seen.",
    )
    return [Table(title, columns, tuple(lines), "row", notes)]


_STUBS = (Column("granularity", stub=True), Column("scorer", stub=True))


def _line(entry: StabilityEntry, texts: Sequence[str], new: bool = False) -> Line:
    scorer = entry.scorer if entry.seed is None else f"{entry.scorer} seed {entry.seed}"
    return Line(tuple(map(TableCell, (entry.granularity, scorer, *texts))), new)


def _cell(of: Overlap | CellScores) -> str:
    """A title that distinguishes the cells of one scorer and granularity."""
    by_layer = ", by layer" if of.scope == "layer" else ""
    return wording.sparsity(of.sparsity) + by_layer


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "undefined"
    return f"{spread.mean:.2f}" + (f" ({spread.low:.2f} – {spread.high:.2f})" if spread.count > 1 else "")


def _means(compared: Agreement | BatchSizeAgreement) -> str:
    spearman = None if compared.spearman is None else compared.spearman.mean
    return f"{_mean(spearman)} / {_mean(mean_overlap(compared.jaccard))}"


def _mean(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _gain(scores: CellScores) -> str:
    if scores.mean is None:
        return str(scores.reason)
    sd = "" if scores.sd is None else f" ± {scores.sd:.2f}"
    return f"{scores.mean:+.2f}{sd} ({scores.low:+.2f} – {scores.high:+.2f})"


def _sampled(entries: Entries) -> list[str]:
    """Notes on the granularities that have too many units to compare all of them."""
    sampled = {entry.granularity: entry for entry in entries if entry.sampled < entry.units}
    return [
        f"{name}: compared on a seeded sample of {entry.sampled:,} of {entry.units:,} units."
        for name, entry in sampled.items()
    ]
