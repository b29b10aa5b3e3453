"""The answer of ``ablate prevalence`` in sentences: how many units hurt, which ones, and how many can be removed."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.printable import number
from ablate.report import verdicts, wording
from ablate.statistics.replication import Replication
from ablate.statistics.share_above import Share
from ablate.studies.prevalence_record import BestCell, HarmlessSparsity, PrevalenceEntry

LEVEL = 0.05
"""Of the test that gains replicate."""


def sentences(entry: PrevalenceEntry) -> list[str]:
    """The answer for one granularity."""
    return [
        _how_many(entry),
        *_estimate(entry.share),
        *_replicated(entry.replication),
        _which(entry),
        *_how_much(entry.harmless),
        *_best(entry.best),
    ]


def _how_many(entry: PrevalenceEntry) -> str:
    name, hurting = entry.granularity, entry.hurting
    groups = f"{entry.groups} groups of {entry.group_size:,} {name} units"
    what = f"the {entry.groups} {name}s" if entry.group_size == 1 else groups
    start = f"Of {what}, removed one at a time on {listed(entry.tasks)},"
    if hurting is None:
        return f"{start} too few have a score to tell how many hurt."
    count = f"at least {hurting.at_least} and at most {hurting.at_most} hurt by more than {effect(entry)} (95 %)"
    if hurting.at_least == 0 and hurting.at_most == entry.groups - entry.undefined:
        return f"{start} {count}: these pairs do not tell."
    return f"{start} {count}."


def _estimate(share: Share | None) -> list[str]:
    if share is None:
        return []
    if share.value is None:
        return [f"The share is not told: {share.reason} (95 %: {interval(share)})."]
    return [f"The share is estimated at {percent(share.value)} (95 %: {interval(share)})."]


def _replicated(replication: Replication | None) -> list[str]:
    if replication is None:
        return []
    shown = "more than the 50 %" if replication.p <= LEVEL else "which is possible"
    return [
        f"Of those that gain on half of the pairs, {percent(replication.replicated)} gain on the other half "
        f"(95 %: {interval(replication)}), {shown} where none hurts (p {verdicts.p_value(replication.p)})."
    ]


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
    shown = [(one.sparsity, one) for one in harmless if one.sparsity is not None]
    if shown:
        # Of several scorers that reach the largest sparsity, the one with the fewest tasks against it.
        sparsity, one = max(shown, key=lambda pair: (pair[0], -len(pair[1].harmed) - len(pair[1].unshown)))
        return [f"Up to {wording.sparsity(sparsity)} can be removed by {one.scorer} {within(one)}.", *tasks(one)]
    if not harmless:
        return []
    return [f"No sparsity that was tried is shown to be harmless: {within(harmless[0])}."]


def within(one: HarmlessSparsity) -> str:
    """What harmless means: ``with a loss of less than 0.2 points on ...``, and what this is corrected over."""
    where = listed(one.tasks) if len(one.tasks) == 1 else f"the mean of {listed(one.tasks)}"
    loss = f"with a loss of less than {margins(one.margin)} {one.unit} on {where}"
    return f"{loss} (at {percent(one.level)}, corrected over {family(one)})"


def family(one: HarmlessSparsity) -> str:
    """``8 cells of 2 scorers``, and their tasks if there are several."""
    tasks = f", on the mean and on {len(one.tasks)} tasks" if len(one.tasks) > 1 else ""
    return f"{number(one.cells, 'cell')} of {number(one.scorers, 'scorer')}{tasks}"


def tasks(one: HarmlessSparsity) -> list[str]:
    """Which tasks it harms, and which are not shown to be within their margin; of one task nothing is left to say."""
    if len(one.tasks) == 1:
        return []
    margin = f"{margins(*one.task_margins)} {one.unit}"
    said = [f"It harms {listed(one.harmed)}: more than {margin}."] if one.harmed else []
    if one.unshown:
        said.append(f"Not shown to lose less than {margin}: {listed(one.unshown)}.")
    return said or [f"Each of these tasks is shown to lose less than {margin}."]


def margins(*values: float | None) -> str:
    """``0.5``, or ``0.1–0.5`` if they differ."""
    ends = sorted(value for value in values if value is not None)
    return "–".join(dict.fromkeys(f"{end:g}" for end in (ends[0], ends[-1]))) if ends else "the margin"


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


def interval(estimate: Share | Replication) -> str:
    """The two ends of an interval: ``20 % to 41 %``."""
    return f"{percent(estimate.low)} to {percent(estimate.high)}"


def effect(entry: PrevalenceEntry) -> str:
    """Above which gain a unit hurts: ``0.05 points``."""
    return f"{entry.effect:g} {entry.unit}"
