"""The meaning of a sentence (a frame), and the similarity of two frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tools.embedded_data.topics import Concept, Event, Material, Topic, pick

#: Topics whose objects can be counted, and topics that no newspaper would report.
_COUNTED = ("animals", "cooking", "gardening", "storms")
_NOT_REPORTED = ("animals", "cooking", "crime")


@dataclass(frozen=True)
class Frame:
    """An event with its details, each None if it is not mentioned. tense: as in :class:`.grammar.Clause`."""

    event: Event
    pole: int
    agent: Concept
    obj: Concept
    tense: str
    negative: bool = False
    question: bool = False
    trait: Concept | None = None
    count: Concept | None = None
    place: Concept | None = None
    time: Concept | None = None
    manner: Concept | None = None
    source: Concept | None = None


def draw(rng: Random, material: Material, topic: Topic) -> Frame:
    """A random statement with at most two details."""
    event = pick(rng, material.events(topic))
    agent = pick(rng, material.of(topic.who))
    obj = pick(rng, [o for o in material.objects(event, topic) if o != agent])
    tense = pick(rng, ("past", "past", "past", "now", "now", "future", "perfect"))
    frame = Frame(event, int(rng.random() * len(event.poles)), agent, obj, tense)
    for _ in range(pick(rng, (0, 1, 1, 2))):
        frame = add_detail(rng, material, topic, frame)
    return frame


def details(material: Material, topic: Topic, frame: Frame) -> dict[str, list[Concept]]:
    """The details that the frame can have, each with its possible values."""
    found = {"trait": material.of(topic.traits), "place": material.of(topic.where)}
    if not frame.negative:
        found["manner"] = material.of(topic.how)
    found["time"] = material.times(frame.tense)
    if topic.name in _COUNTED and frame.event.objects and all(way.startswith("+") for way in frame.obj.ways):
        found["count"] = material.counts()
    if topic.name not in _NOT_REPORTED and frame.tense == "past" and not frame.question:
        found["source"] = material.sources()
    return {slot: values for slot, values in found.items() if values}


def add_detail(rng: Random, material: Material, topic: Topic, frame: Frame) -> Frame:
    """The frame with one more detail, or with another value of a detail that it has."""
    found = {
        slot: [v for v in values if v != getattr(frame, slot)]
        for slot, values in details(material, topic, frame).items()
    }
    slot = pick(rng, tuple(s for s, values in found.items() if values))
    change: dict[str, Any] = {slot: pick(rng, found[slot])}
    return replace(frame, **change)


def _core(a: Frame, b: Frame) -> float:
    """How much two frames agree in who did what to whom, in [-0.1, 1]."""
    if a.event.topic != b.event.topic:
        same_deed = set(a.event.poles[a.pole]) & set(b.event.poles[b.pole])
        return 0.25 if same_deed else 0.0
    action = 0.25
    if a.event == b.event:
        action = 1.0 if a.pole == b.pole else -0.1
    swapped = a.event == b.event and a.agent == b.obj and a.obj == b.agent
    agent = 1.0 if a.agent == b.agent else 0.45 if swapped else 0.15
    obj = 1.0 if a.obj == b.obj else 0.45 if swapped else 0.2
    return 0.37 * action + 0.3 * agent + 0.33 * obj


#: The share of the score that an extra detail costs. A contradicting detail costs 3.6 times as much, so that such a
#: pair is seldom a positive one.
_DETAILS = {"trait": 0.06, "count": 0.08, "place": 0.08, "time": 0.06, "manner": 0.06, "source": 0.06}


def similarity(a: Frame, b: Frame) -> float:
    """Gold similarity in [0, 5] by meaning: a weighted overlap of the slots, lowered by a negation or a question.

    The exponent lowers the score of pairs that share the agent and not the action. The power is rounded because its
    last bit depends on the platform.
    """
    score: float = round(max(_core(a, b), 0.0) ** 1.4, 6)
    for slot, weight in _DETAILS.items():
        x, y = getattr(a, slot), getattr(b, slot)
        if x != y:
            score *= 1 - weight * (1.0 if x is None or y is None else 3.6)
    if a.tense != b.tense:
        score *= 0.92
    if a.negative != b.negative:
        score *= 0.45
    if a.question != b.question:
        score *= 0.8
    return 5 * score
