"""Sentences about a figure that rises or falls: which figure, in which direction, by how much, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from random import Random

from tools.embedded_data.grammar import article, finish
from tools.embedded_data.lexicon import MEASURES, PERIODS
from tools.embedded_data.topics import Concept, concepts, pick

_UP = ("rose", "went up", "increased", "climbed"), "rise", "increase", "higher"
_DOWN = ("fell", "went down", "decreased", "dropped"), "fall", "drop", "lower"
_PERCENT = ("two", "four", "five", "seven", "nine", "twelve", "fifteen", "twenty", "thirty", "sixty")
_FORMS = 5


@dataclass(frozen=True)
class Change:
    """A rise or fall of a figure. amount: an index into :data:`_PERCENT`, which grows."""

    field: str
    measure: Concept
    up: bool
    amount: int
    period: Concept


@cache
def _measures(held: bool) -> tuple[tuple[str, Concept], ...]:
    return tuple((f, c) for f, text in MEASURES.items() for c in concepts(text) if held or not c.held)


def draw_change(rng: Random, held: bool) -> Change:
    """A random change. held: words that are held out of train may be used."""
    field, measure = pick(rng, _measures(held))
    periods = [p for p in concepts(PERIODS) if held or not p.held]
    return Change(field, measure, rng.random() < 0.5, int(rng.random() * len(_PERCENT)), pick(rng, periods))


def vary(rng: Random, change: Change, held: bool) -> Change:
    """The change with another amount, direction, period, or measure of the same field; sometimes with all of them."""
    new = draw_change(rng, held)
    while new.field != change.field:
        new = draw_change(rng, held)
    kind = pick(rng, ("amount", "period", "up", "measure", "measure", "all", "all"))
    if kind == "all":
        return new
    if kind == "up":
        return replace(change, up=not change.up)
    return replace(change, **{kind: getattr(new, kind)})


def alike(a: Change, b: Change) -> float:
    """Gold similarity in [0, 5]."""
    if a.field != b.field:
        return 0.4
    score = 1.0 if a.measure == b.measure else 0.35
    if a.up != b.up:
        score *= 0.45
    if a.amount != b.amount:
        score *= 0.82 - 0.02 * abs(a.amount - b.amount)
    return 5 * score * (1.0 if a.period == b.period else 0.78)


def say(change: Change, form: int, way: int) -> str:
    """A sentence. ``form`` chooses the construction and ``way`` the words, each modulo the number of options."""
    what = change.measure.ways[way % len(change.measure.ways)]
    when = change.period.ways[way % len(change.period.ways)]
    n = f"{_PERCENT[change.amount]} percent"
    verbs, noun, noun2, compared = _UP if change.up else _DOWN
    verb = verbs[way % len(verbs)]
    match form % _FORMS:
        case 0:
            return finish(f"{what} {verb} by {n} {when}", ".")
        case 1:
            return finish(f"{when}, there was {article(noun)} {noun} of {n} in {what}", ".")
        case 2:
            return finish(f"{article(noun2)} {noun2} of {n} in {what} was recorded {when}", ".")
        case 3:
            return finish(f"experts put {what} {n} {compared} {when}", ".")
        case _:
            return finish(f"it was {when} that {what} {verb} by {n}", ".")
