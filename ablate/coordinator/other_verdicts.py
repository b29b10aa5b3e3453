"""Cells that an earlier run of the store has judged otherwise, though it had the same scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.errors import StoreError
from ablate.record import JUDGMENT, Evidence, to_plain
from ablate.store.store import Store

_SAME = ("n", "margin", "level", "correction", "delta", "low", "high", "p_different")
"""What is equal where the same scores were judged by the same rules."""

_Item = Mapping[str, Any]
_Place = tuple[Any, ...]


def other_verdicts(store: Store, run: str, evidence: Sequence[Evidence], several: bool) -> tuple[str, ...]:
    """A line for each cell of a run whose verdict is another one in an earlier run, the newest that has one.

    Verdicts are corrected over the cells that a run judges together. So a cell may be harmless among few cells and
    undecided among many. Only verdicts on what a stage reports are compared: its task, or the mean over its tasks.

    Args:
        run: whose evidence it is. several: whether it has several models, which the lines then name.

    Raises:
        StoreError: the database fails.
    """
    ours, our_rivals = _by_place([to_plain(item) for item in evidence])
    families = Counter(map(_family, ours))
    lines: dict[_Place, str] = {}
    for other in reversed(store.run_ids()):
        if other == run or len(lines) == len(ours):
            continue
        theirs, their_rivals = _by_place(_evidence(store, other))
        sizes = Counter(map(_family, theirs))
        for place, item in theirs.items():
            mine = ours.get(place)
            if mine is None or place in lines or mine["verdict"] == item["verdict"]:
                continue
            # `improves` also depends on the draws that the cell is compared with.
            rivals = "improves" in (mine["verdict"], item["verdict"]) and our_rivals.get(place) != their_rivals.get(
                place
            )
            if rivals or any(mine[name] != item[name] for name in _SAME):
                continue
            model = f" of {mine['model']}" if several else ""
            here, there = families[_family(place)], sizes[_family(place)]
            lines[place] = (
                f"{mine['cell']}{model} ({mine['stage']}): {mine['verdict']} here, {item['verdict']} in run {other}, by"
                " the same scores. Verdicts are corrected over the cells judged together,"
                f" {here} here and {there} there."
            )
    return tuple(lines[place] for place in ours if place in lines)


def _evidence(store: Store, run: str) -> Sequence[_Item]:
    try:
        about = store.about(run)
    except StoreError:  # a damaged record, which `ablate doctor` finds
        return ()
    return (about.get("evidence") or ()) if about.get("judgment") == JUDGMENT else ()


def _by_place(items: Sequence[_Item]) -> tuple[dict[_Place, _Item], dict[_Place, list[float | None]]]:
    """The evidence against dense on what a stage reports, and the p of beating random units."""
    dense: dict[_Place, _Item] = {}
    rivals: dict[_Place, list[float | None]] = {}
    for item in items:
        if item["task"] is None and item["against"] == "dense":
            dense[_place(item)] = item
        elif item["task"] is None and item["against"] in ("matched", "searched"):
            rivals.setdefault(_place(item), []).append(item["p_beats"])
    return dense, rivals


def _place(item: _Item) -> _Place:
    """Which cell it is about, and where; the cell is last."""
    return item["model"], item["stage"], item["metric"], item["unit"], item.get("dim"), item["group"]


def _family(place: _Place) -> _Place:
    """The cells that verdicts are corrected over."""
    return place[:-1]
