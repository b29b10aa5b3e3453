"""The lexicon as objects: topics, events, and the concepts that fill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TypeVar

from ablate.data.embedded.grammar import Noun
from ablate.data.embedded.lexicon import COUNTS, SOURCES, TIMES, TOPICS, TRAITS

T = TypeVar("T")
_KINDS = {"+": "plural", "~": "mass"}


def pick(rng: Random, items: Sequence[T]) -> T:
    """One item. Only ``Random.random()`` is used anywhere: its sequence is promised not to change with Python."""
    return items[int(rng.random() * len(items))]


@dataclass(frozen=True)
class Concept:
    """One meaning: ``ways`` to say it; ``held`` out of the train split."""

    ways: tuple[str, ...]
    held: bool

    def noun(self, way: int) -> Noun:
        """The way-th noun (modulo their number)."""
        text = self.ways[way % len(self.ways)]
        if text[0] in _KINDS:
            return Noun(text[1:], _KINDS[text[0]])
        return Noun(text, "count")


@dataclass(frozen=True)
class Event:
    """``poles``: the ways of the event and, if it has an opposite, of that. ``objects`` empty: people of the topic."""

    topic: str
    poles: tuple[tuple[str, ...], ...]
    objects: tuple[Concept, ...]
    held: bool


@dataclass(frozen=True)
class Topic:
    name: str
    who: tuple[Concept, ...]
    where: tuple[Concept, ...]
    how: tuple[Concept, ...]
    traits: tuple[Concept, ...]
    events: tuple[Event, ...]
    held: bool


def concepts(text: str) -> tuple[Concept, ...]:
    """``a=b | *c`` -> concepts."""
    parts = [p.strip() for p in text.split("|") if p.strip()]
    return tuple(Concept(tuple(w.strip() for w in p.lstrip("*").split("=")), p.startswith("*")) for p in parts)


def _event(topic: str, line: str, held: bool) -> Event:
    ways, objects = line.rsplit(":", 1)
    poles = tuple(tuple(w.strip() for w in pole.split("=")) for pole in ways.split("/"))
    return Event(topic, poles, () if objects.strip() == "@" else concepts(objects), held)


@cache
def topics() -> tuple[Topic, ...]:
    """The lexicon's topics, in order."""
    found = []
    for block in TOPICS.strip().split("\n\n"):
        head, *lines = block.splitlines()
        held, name = head.startswith("*"), head.strip("*[]")
        fields: dict[str, str] = {}
        events = []
        for line in lines:
            key, value = line.split(":", 1)
            if key.endswith("do"):
                events.append(_event(name, value, key.startswith("*")))
            else:
                fields[key] = f"{fields[key]} | {value}" if key in fields else value
        traits = concepts(TRAITS if fields["trait"].strip() == "person" else fields["trait"])
        who, where, how = (concepts(fields[k]) for k in ("who", "where", "how"))
        found.append(Topic(name, who, where, how, traits, tuple(events), held))
    return tuple(found)


@dataclass(frozen=True)
class Material:
    """What a split may use: all of the lexicon, or (``held`` False) only what is not held out."""

    held: bool

    def of(self, items: Sequence[Concept]) -> list[Concept]:
        return [c for c in items if self.held or not c.held]

    def topics(self) -> list[Topic]:
        return [t for t in topics() if self.held or not t.held]

    def events(self, topic: Topic) -> list[Event]:
        return [e for e in topic.events if self.held or not e.held]

    def objects(self, event: Event, topic: Topic) -> list[Concept]:
        return self.of(event.objects or topic.who)

    def times(self, tense: str) -> list[Concept]:
        return self.of(concepts(TIMES[tense]))

    def counts(self) -> list[Concept]:
        return self.of(concepts(COUNTS))

    def sources(self) -> list[Concept]:
        return self.of(concepts(SOURCES))
