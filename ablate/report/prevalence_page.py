"""The page that ``ablate prevalence`` prints: the answer in sentences, then the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.report import study_page, verdicts, wording
from ablate.report.prevalence_text import effect, family, interval, listed, margins, percent, sentences
from ablate.report.table import Column, Line, Page, Table, TableCell
from ablate.statistics.replication import Replication
from ablate.statistics.share_above import Share
from ablate.studies.prevalence_record import HarmlessSparsity, Hurting, PrevalenceEntry, PrevalenceRecord

Entries = Sequence[PrevalenceEntry]
"""The entries of one model, at least one."""


def page(record: PrevalenceRecord) -> Page:
    """Everything that ``ablate prevalence`` prints."""
    head = study_page.head(record)
    if record.earlier is None:
        head.append("the store has no run of this recipe; `ablate run` shows which sparsities are harmless")
    else:
        head.append(f"sparsities: of run {record.earlier}")
    for entry in record.prevalence:
        model = f"{entry.model}, " if len(record.models) > 1 else ""
        head.append(f"{model}{entry.granularity}: {' '.join(sentences(entry))}")
    head += record.notes
    blocks = study_page.blocks(record.models, record.prevalence, _tables)
    return Page(tuple(head), tuple(blocks), study_page.foot(record))


def _tables(entries: Entries) -> list[Table]:
    return [_units(entries), _layers(entries), *_sparsities(entries)]


def _units(entries: Entries) -> Table:
    columns = (
        Column("granularity", stub=True),
        Column("removed"),
        *(Column(f"predicted by {prediction.scorer}", group=1) for prediction in entries[0].predicted),
        Column("hurt", group=2),
        Column("share", group=2),
        Column("replicated", group=2),
        Column("found", group=3),
        Column("confirmed", group=3),
    )
    lines = [Line(tuple(map(TableCell, _unit_texts(entry)))) for entry in entries]
    notes = (
        f"A unit hurts if the model gains more than {effect(entries[0])} without it.",
        "predicted: a first-order contribution below 0; ρ: its Spearman correlation with exact removal.",
        "hurt: at least and at most so many; all bounds of a granularity hold together (joint bootstrap; 95 %).",
        "share: estimated with a point mass at 0 and one mode, and withheld where the data do not tell it (95 %).",
        "replicated: of the units that gain on half of the pairs, the share that gain on the other half (95 %).",
        "p: of the claim that more than 50 % replicate, which is so only where some unit hurts.",
        f"found: gains at a false-discovery rate of {percent(entries[0].rate)}; confirmed: on other data too.",
        *(f"{entry.granularity}: {entry.undefined} have no score." for entry in entries if entry.undefined),
    )
    return Table("How many units hurt?", columns, tuple(lines), "row", notes)


def _unit_texts(entry: PrevalenceEntry) -> list[str]:
    confirm = entry.confirm
    size = "" if entry.group_size == 1 else f" groups of {entry.group_size:,}"
    return [
        entry.granularity,
        f"{entry.groups}{size}",
        *(f"{percent(prediction.share)}, ρ {_number(prediction.spearman)}" for prediction in entry.predicted),
        _hurting(entry.hurting),
        _share(entry.share),
        _replicated(entry.replication),
        str(len(entry.found)),
        "–" if confirm is None else f"{confirm.confirmed} of {len(entry.found)}",
    ]


def _layers(entries: Entries) -> Table:
    columns = (
        Column("granularity", stub=True),
        Column("layer", stub=True),
        Column("removed"),
        *(Column(f"predicted by {prediction.scorer}") for prediction in entries[0].predicted),
        Column("hurt"),
        Column("mean gain"),
        Column("found"),
        Column("confirmed"),
    )
    lines = []
    for number, entry in enumerate(entries):
        for place, texts in enumerate(_layer_texts(entry)):
            lines.append(Line(tuple(map(TableCell, texts)), new=number > 0 and place == 0))
    notes = ("mean gain: of the removed units or groups, in the unit of the tasks. Layers from 0, the lowest.",)
    return Table("Where do they live?", columns, tuple(lines), "row", notes)


def _layer_texts(entry: PrevalenceEntry) -> list[list[str]]:
    return [
        [
            entry.granularity,
            str(layer.layer),
            str(layer.groups),
            *(percent(layer.predicted[prediction.scorer]) for prediction in entry.predicted),
            _hurting(layer.hurting),
            "–" if layer.gain is None else f"{layer.gain:+.3f}",
            str(layer.found),
            "–" if entry.confirm is None else str(layer.confirmed),
        ]
        for layer in entry.layers
    ]


def _sparsities(entries: Entries) -> list[Table]:
    lines = [
        Line(tuple(map(TableCell, _sparsity_texts(entry.granularity, harmless))))
        for entry in entries
        for harmless in entry.harmless
    ]
    if not lines:
        return []
    columns = (
        Column("granularity", stub=True),
        Column("scorer", stub=True),
        Column("harmless up to"),
        Column("harmed"),
        Column("not shown"),
        Column("tried"),
        Column("on"),
    )
    tested = [harmless for entry in entries for harmless in entry.harmless]
    ranges = dict.fromkeys(
        (margins(one.margin), margins(*one.task_margins or (one.margin,)), one.unit) for one in tested
    )
    notes = (
        "By fixed-sequence tests: sparsities in rising order, up to the first that is not shown to be harmless.",
        *(f"Harmless: the mean loses less than {mean} {unit}, a task less than {task}." for mean, task, unit in ranges),
        "harmed, not shown: tasks that it harms, and others not shown to lose less than their margin.",
        *(
            f"{entry.granularity}: all statements hold together at {percent(entry.harmless[0].level)}, over "
            f"{family(entry.harmless[0])}."
            for entry in entries
            if entry.harmless
        ),
    )
    return [Table("How much can be removed within the margin?", columns, tuple(lines), "row", notes)]


def _sparsity_texts(granularity: str, harmless: HarmlessSparsity) -> tuple[str, ...]:
    details = [harmless.scorer, *(["by layer"] if harmless.scope == "layer" else [])]
    details += [f"in {harmless.steps} steps"] if harmless.steps > 1 else []
    largest = "none" if harmless.sparsity is None else wording.sparsity(harmless.sparsity)
    tried = ", ".join(map(wording.sparsity, harmless.tried))
    against = [listed(names) if names else "–" for names in (harmless.harmed, harmless.unshown)]
    return (granularity, " ".join(details), largest, *against, tried, listed(harmless.tasks))


def _hurting(hurting: Hurting | None) -> str:
    return "–" if hurting is None else f"{hurting.at_least} to {hurting.at_most}"


def _share(share: Share | None) -> str:
    if share is None:
        return "–"
    return f"{'not told' if share.value is None else percent(share.value)} ({interval(share)})"


def _replicated(replication: Replication | None) -> str:
    if replication is None:
        return "–"
    return f"{percent(replication.replicated)} ({interval(replication)}), p {verdicts.p_value(replication.p)}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
