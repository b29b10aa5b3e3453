"""How many units hurt, which, and how much can go: the answer for one granularity, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report import wording

Entry = Mapping[str, Any]
"""One model × granularity of the payload (docs/prevalence.md)."""


def sentences(entry: Entry) -> list[str]:
    """The answer for one granularity, in plain words."""
    return [_how_many(entry), *_which(entry), *_how_much(entry)]


def _how_many(entry: Entry) -> str:
    name, share = entry["granularity"], entry["share"]
    what = f"the {entry['groups']} {name}s" if entry["group_size"] == 1 else _groups(entry)
    start = f"Of {what}, removed one at a time on {listed(entry['tasks'])},"
    if share is None:
        return f"{start} too few have a score to estimate how many hurt."
    if unknown(share):
        return f"{start} how many hurt cannot be told: there are too few pairs for the size of the differences."
    return f"{start} {percent(share['value'])} are estimated to hurt ({interval(share, ' to ')})."


def _groups(entry: Entry) -> str:
    return f"{entry['groups']} groups of {entry['group_size']:,} {entry['granularity']} units"


def _which(entry: Entry) -> list[str]:
    found, confirm = len(entry["found"]), entry["confirm"]
    if not found:
        return [f"None is found to improve the model by going (false-discovery rate {percent(entry['rate'])})."]
    text = f"{found} {_are(found)} found to improve the model by going (false-discovery rate {percent(entry['rate'])})"
    if confirm is None:
        return [f"{text}; nothing confirms that."]
    passed, chance = confirm["confirmed"], confirm["expected"]
    again = f"of these {passed} {_are(passed)} confirmed on {listed(confirm['tasks'])}"
    return [f"{text}; {again}, where {chance:.1f} would pass by chance."]


def _how_much(entry: Entry) -> list[str]:
    parts = []
    there = [one for one in entry["harmless"] if one["sparsity"] is not None]
    if there:
        most = max(there, key=_sparsity)
        parts.append(
            f"Up to {wording.sparsity(most['sparsity'])} can go without harm by {most['scorer']}, "
            f"as {listed(most['tasks'])} {_tell(most['tasks'])}."
        )
    elif entry["harmless"]:
        parts.append("No sparsity that was tried is shown to do no harm.")
    if best := entry["best"]:
        parts.append(
            f"The best cell on {listed(best['chosen_on'])}, {best['cell']}, changes the score by {best['delta']:+.2f} "
            f"({best['low']:+.2f} to {best['high']:+.2f}) {best['unit']} on {listed(best['tasks'])}, "
            f"which had no part in its choice: {best['verdict']}."
        )
    return parts


def _sparsity(one: Mapping[str, Any]) -> float:
    return float(one["sparsity"])


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _tell(tasks: Sequence[str]) -> str:
    return "tells" if len(tasks) == 1 else "tell"


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def percent(share: float) -> str:
    """``30 %``."""
    return f"{100 * share:.0f} %"


def unknown(share: Mapping[str, Any]) -> bool:
    """Whether an estimated share says nothing: any would do."""
    return bool(share["high"] - share["low"] > 0.9)


def interval(share: Mapping[str, Any], between: str) -> str:
    """Its two ends, with ``between`` between them."""
    return f"{percent(share['low'])}{between}{percent(share['high'])}"
