"""Makes the splits: draws pairs of every kind in fixed shares, and leaves out repeated pairs."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from random import Random

from tools.embedded_data.bank import idea_pairs
from tools.embedded_data.changes import alike, draw_change, say, vary
from tools.embedded_data.frames import Frame, add_detail, draw, similarity
from tools.embedded_data.topics import Material, Topic, pick
from tools.embedded_data.wording import any_wording, changes, realize, reword

Row = tuple[str, str, float, str]

SIZES = {"train": 1500, "dev": 400, "test": 800}
_SEEDS = {"train": 20240, "dev": 20241, "test": 20242}
_SHARES = {
    "paraphrase": 24, "detail": 12, "argument": 12, "action": 10, "topic": 12, "unrelated": 16, "swap": 2,
    "negation": 3, "antonym": 3, "question": 3, "figures": 8,
}  # fmt: skip
#: For each kind, the share of wording choices that differ between the two sentences of a pair. The shares keep word
#: overlap from predicting the gold score: paraphrases differ as much as other pairs, and look-alikes differ little.
_REWORDED = {
    "paraphrase": 0.55, "detail": 0.3, "argument": 0.5, "action": 0.45, "topic": 0.5, "unrelated": 0.4,
    "swap": 0.3, "negation": 0.4, "antonym": 0.4, "question": 0.4,
}  # fmt: skip
_EARLIER: dict[str, tuple[str, ...]] = {"train": (), "dev": ("train",), "test": ("train", "dev")}
_NOT_WORD = re.compile(r"[\W_]+")


def _letters(text: str) -> str:
    """Lower case, letters and digits only. Two texts that agree in this count as the same."""
    return _NOT_WORD.sub("", text.lower())


class _Maker:
    """Draws pairs for one split."""

    def __init__(self, split: str) -> None:
        self.rng = Random(_SEEDS[split])
        self.material = Material(held=split != "train")

    def frame(self) -> tuple[Topic, Frame]:
        topic = pick(self.rng, self.material.topics())
        frame = draw(self.rng, self.material, topic)
        mood = self.rng.random()
        if mood < 0.1:
            frame = replace(frame, negative=True, manner=None)
        elif mood < 0.2:
            frame = replace(frame, question=True, source=None)
        return topic, frame

    def make(self, kind: str) -> Row | None:
        """One pair of this kind, or None if the drawn frame does not allow it."""
        if kind == "figures":
            return self._figures()
        topic, a = self.frame()
        b = self._edit(kind, topic, a)
        if b is None:
            return None
        first = any_wording(self.rng, a)
        second = reword(self.rng, b, first, _REWORDED[kind])
        gold = similarity(a, b) * (1 - 0.015 * changes(b, first, second))
        return realize(a, first), realize(b, second), gold, kind

    def some(self, kind: str) -> Row:
        """One pair of this kind; draws again until a frame allows it."""
        while (row := self.make(kind)) is None:
            pass
        return row

    def _edit(self, kind: str, topic: Topic, a: Frame) -> Frame | None:
        rng, material = self.rng, self.material
        match kind:
            case "paraphrase":
                return a
            case "detail":
                return add_detail(rng, material, topic, a)
            case "argument":
                return self._other_argument(topic, a)
            case "action" | "topic" | "unrelated":
                return self._other_event(kind, topic, a)
            case "swap":
                return None if a.event.objects or a.trait else replace(a, agent=a.obj, obj=a.agent)
            case "negation":
                return None if a.question or a.manner else replace(a, negative=not a.negative)
            case "antonym":
                return replace(a, pole=1 - a.pole) if len(a.event.poles) > 1 else None
            case _:
                return replace(a, question=not a.question) if a.source is None else None

    def _other_argument(self, topic: Topic, a: Frame) -> Frame:
        rng, material = self.rng, self.material
        if rng.random() < 0.4:
            return replace(a, agent=pick(rng, [w for w in material.of(topic.who) if w not in (a.agent, a.obj)]))
        objects = [o for o in material.objects(a.event, topic) if o not in (a.agent, a.obj)]
        return replace(a, obj=pick(rng, objects), count=None)

    def _other_event(self, kind: str, topic: Topic, a: Frame) -> Frame | None:
        """Another event: by the same agent, on the same topic, or on another topic."""
        rng, material = self.rng, self.material
        if kind == "unrelated":
            topic = pick(rng, [t for t in material.topics() if t != topic])
        b = draw(rng, material, topic)
        if b.event == a.event:
            return None
        b = replace(b, tense=a.tense, negative=a.negative, question=a.question, time=a.time, source=a.source)
        if b.negative:
            b = replace(b, manner=None)
        if kind == "action":
            return None if a.agent == b.obj else replace(b, agent=a.agent, place=a.place, trait=a.trait)
        return b

    def _figures(self) -> Row | None:
        rng, held = self.rng, self.material.held
        a = draw_change(rng, held)
        form, way = int(rng.random() * 5), int(rng.random() * 4)
        if rng.random() < 0.35:
            return say(a, form, way), say(a, form + 1 + int(rng.random() * 4), way + 1), 4.9, "figures"
        b = vary(rng, a, held)
        return (say(a, form, way), say(b, form, way), alike(a, b), "figures") if a != b else None


TEXTS = {"train": 300, "test": 400}
_TEXT_SEEDS = {"train": 20250, "test": 20251}
TENSES = ("past", "now", "future", "perfect")


@cache
def texts(split: str) -> tuple[tuple[str, int], ...]:
    """Distinct statements, each with the index of its tense in :data:`TENSES`. The splits share none."""
    rng, material = Random(_TEXT_SEEDS[split]), Material(held=False)
    taken = {_letters(text) for text, _ in texts("train")} if split == "test" else set[str]()
    found: dict[str, tuple[str, int]] = {}
    while len(found) < TEXTS[split]:
        frame = draw(rng, material, pick(rng, material.topics()))
        text = realize(frame, any_wording(rng, frame))
        if _letters(text) not in taken:
            found.setdefault(_letters(text), (text, TENSES.index(frame.tense)))
    return tuple(found.values())


@cache
def rows(split: str) -> tuple[Row, ...]:
    """The pairs of a split: left, right, gold in [0, 5], kind. The splits share no sentence."""
    taken = {_letters(s) for other in _EARLIER[split] for row in rows(other) for s in row[:2]}
    seen: set[frozenset[str]] = set()
    maker = _Maker(split)
    found: list[Row] = []
    kinds = [kind for kind, share in _SHARES.items() for _ in range(share)]
    waiting: list[Row] = [(a, b, gold, "free wording") for a, b, gold in idea_pairs(split)]
    while len(found) < SIZES[split]:
        row = waiting.pop(0) if waiting else maker.some(pick(maker.rng, kinds))
        key = frozenset(map(_letters, row[:2]))
        if len(key) == 1 or key in seen or not taken.isdisjoint(key):
            continue
        seen.add(key)
        found.append((row[0], row[1], round(row[2], 2), row[3]))
    return tuple(found)
