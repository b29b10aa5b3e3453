"""The answer of ``ablate prevalence`` in sentences: how many units hurt, which ones, and how many can be removed."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.report import wording
from ablate.statistics.hurting_share import Share
from ablate.studies.prevalence_record import BestCell, HarmlessSparsity, PrevalenceEntry

WIDE = 0.9
"""An interval of a share that is wider than this says nothing."""


def sentences(entry: PrevalenceEntry) -> list[str]:
    """The answer for one granularity."""
    return [_how_many(entry), _which(entry), *_how_much(entry.harmless), *_best(entry.best)]


def _how_many(entry: PrevalenceEntry) -> str:
    name, share = entry.granularity, entry.share
    groups = f"{entry.groups} groups of {entry.group_size:,} {name} units"
    what = f"the {entry.groups} {name}s" if entry.group_size == 1 else groups
    start = f"Of {what}, removed one at a time on {listed(entry.tasks)},"
    if share is None:
        return f"{start} too few have a score to estimate how many hurt."
    if unknown(share):
        return f"{start} how many hurt cannot be estimated: there are too few pairs for differences of this size."
    return f"{start} {percent(share.value)} are estimated to hurt ({interval(share, ' to ')})."


def _which(entry: PrevalenceEntry) -> str:
    found, confirm = len(entry.found), entry.confirm
    at_rate = f"found to improve the model when removed (false-discovery rate {percent(entry.rate)})"
    if not found:
        return f"None is {at_rate}."
    text = f"{found} {_are(found)} {at_rate}"
    if confirm is None:
        return f"{text}; this was not confirmed on other tasks."
    confirmed = f"of these {confirm.confirmed} {_are(confirm.confirmed)} confirmed on {listed(confirm.tasks)}"
    return f"{text}; {confirmed}, where {confirm.expected:.1f} would pass by chance."


def _how_much(harmless: Sequence[HarmlessSparsity]) -> list[str]:
    sparsities = {curve: curve.sparsity for curve in harmless if curve.sparsity is not None}
    if sparsities:
        largest = max(sparsities, key=sparsities.__getitem__)
        return [
            f"Up to {wording.sparsity(sparsities[largest])} can be removed by {largest.scorer} without harm on "
            f"{listed(largest.tasks)}."
        ]
    return ["No sparsity that was tried is shown to be harmless."] if harmless else []


def _best(best: BestCell | None) -> list[str]:
    if best is None:
        return []
    return [
        f"The best cell on {listed(best.chosen_on)}, {best.cell}, changes the score by {best.delta:+.2f} "
        f"({best.low:+.2f} to {best.high:+.2f}) {best.unit} on {listed(best.tasks)}, "
        f"which had no part in its choice: {best.verdict}."
    ]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def percent(share: float) -> str:
    """``30 %``."""
    return f"{100 * share:.0f} %"


def unknown(share: Share) -> bool:
    """Whether the interval of an estimated share is so wide that it says nothing."""
    return share.high - share.low > WIDE


def interval(share: Share, between: str) -> str:
    """The two ends of the interval of a share, with ``between`` between them."""
    return f"{percent(share.low)}{between}{percent(share.high)}"
