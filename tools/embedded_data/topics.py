"""The lexicon as objects: topics, their events, and concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TypeVar

from tools.embedded_data.grammar import Noun
from tools.embedded_data.lexicon import COUNTS, SOURCES, TIMES, TOPICS, TRAITS

T = TypeVar("T")
_KINDS = {"+": "plural", "~": "mass"}


def pick(rng: Random, items: Sequence[T]) -> T:
    """A random item. Uses ``Random.random()``, the one method whose sequence Python promises to keep."""
    return items[int(rng.random() * len(items))]


@dataclass(frozen=True)
class Concept:
    """One meaning. ways: how to say it. held: it is held out of the train split."""

    ways: tuple[str, ...]
    held: bool

    def noun(self, way: int) -> Noun:
        """The noun of this way, modulo the number of ways."""
        text = self.ways[way % len(self.ways)]
        if text[0] in _KINDS:
            return Noun(text[1:], _KINDS[text[0]])
        return Noun(text, "count")


@dataclass(frozen=True)
class Event:
    """poles: the ways to say the event and, if it has an opposite, the ways to say that.

    objects: what it may happen to; empty for the people of the topic.
    """

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
    """Parses ``a=b | *c``."""
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
    """The part of the lexicon that a split may use: all of it, or (``held`` False) only what is not held out."""

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
