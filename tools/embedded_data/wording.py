"""How a frame is put into words: the choice of words and of construction."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tools.embedded_data.frames import Frame
from tools.embedded_data.grammar import Clause, finish
from tools.embedded_data.topics import Concept, pick

_SLOTS = ("agent", "obj", "trait", "count", "place", "time", "manner", "source")


@dataclass(frozen=True)
class Wording:
    """ways: for each slot, the index of the way to say its concept, modulo the number of ways. verb: the same, for the
    event.

    build: the construction; the plain one is used if the frame does not allow it. definite: ``the``, not ``a``.
    short: ``didn't``, not ``did not``, and "S said that", not "according to S".
    """

    ways: tuple[int, ...]
    verb: int
    build: str
    definite: bool
    short: bool

    def way(self, slot: str) -> int:
        return self.ways[_SLOTS.index(slot)]


def any_wording(rng: Random, frame: Frame) -> Wording:
    """A random wording of the frame."""
    verb = int(rng.random() * 12)
    ways = tuple(int(rng.random() * 12) for _ in _SLOTS)
    build = pick(rng, builds(frame, _pattern(frame, verb)))
    definite = rng.random() < (0.25 if frame.tense == "now" else 0.85)
    return Wording(ways, verb, build, definite, rng.random() < 0.5)


def reword(rng: Random, frame: Frame, than: Wording, share: float) -> Wording:
    """A wording of the frame in which about this share of the choices differs from ``than``."""
    ways = tuple(w + (rng.random() < share) for w in than.ways)
    verb, build, definite, short = than.verb, than.build, than.definite, than.short
    if rng.random() < share:
        verb += 1 + int(rng.random() * (len(frame.event.poles[frame.pole]) - 1))
    if rng.random() < share:
        possible = builds(frame, _pattern(frame, verb))
        build = pick(rng, [b for b in possible if b != build] or possible)
    if rng.random() < share / 2:
        definite = not definite
    if rng.random() < share:
        short = not short
    return Wording(ways, verb, build, definite, short)


def changes(frame: Frame, a: Wording, b: Wording) -> int:
    """The number of word choices that differ between two wordings of one frame."""
    slots = [s for s in _SLOTS if getattr(frame, s) is not None]
    words = sum((a.way(s) - b.way(s)) % len(getattr(frame, s).ways) != 0 for s in slots)
    return words + (_pattern(frame, a.verb) != _pattern(frame, b.verb))


def _pattern(frame: Frame, verb: int) -> str:
    ways = [w for w in frame.event.poles[frame.pole] if not (w.startswith("%") and (frame.manner or frame.question))]
    return ways[verb % len(ways)]


def builds(frame: Frame, pattern: str) -> list[str]:
    """The constructions that the frame allows with this pattern, repeated in proportion to their probability."""
    nominal, active_only = pattern.startswith("%"), "!" in pattern[:2]
    if frame.question:
        allowed = ["ask", "ask-true"]
        return allowed if active_only or nominal else [*allowed, "ask-passive"]
    movable = frame.place or frame.time
    allowed = ["active"] * 4 + (["fronted"] * 2 if movable else [])
    if nominal:
        return allowed
    if not active_only:
        allowed += ["passive"] * 3 + (["passive-fronted"] if movable else [])
    if not frame.negative:
        allowed += ["cleft", "the-one"]
        if pattern.endswith("{}") and not active_only and frame.event.objects:
            allowed.append("what")
        if frame.tense == "past":
            allowed.append("what-did")
    return allowed


def _words(concept: Concept | None, way: int) -> str:
    return concept.ways[way % len(concept.ways)] if concept else ""


def realize(frame: Frame, wording: Wording) -> str:
    """The sentence that says the frame in this wording."""
    pattern = _pattern(frame, wording.verb)
    possible = builds(frame, pattern)
    build = wording.build if wording.build in possible else possible[0]
    definite = wording.definite or build in ("cleft", "the-one", "what-did")
    agent = frame.agent.noun(wording.way("agent"))
    obj = frame.obj.noun(wording.way("obj"))
    s = agent.phrase(definite, _words(frame.trait, wording.way("trait")))
    o = obj.phrase(definite, count=_words(frame.count, wording.way("count")))
    if pattern.startswith("<"):
        s, o, agent, obj = o, s, obj, agent
    verb, *rest = pattern.lstrip("<!%").split()
    after = " ".join(rest)

    adverbials = [_words(c, wording.way(n)) for n, c in (("manner", frame.manner), ("place", frame.place))]
    adverbials = [a for a in (*adverbials, _words(frame.time, wording.way("time"))) if a]
    front = ""
    if build.endswith("fronted"):
        front = adverbials.pop() + ", "
    tail = (" " + " ".join(adverbials)) if adverbials else ""

    if pattern.startswith("%"):
        name = f"the {' '.join([verb, *rest]).replace('{}', o)} by {s}"
        clause = Clause(name, False, "take", "place", False, frame.tense, frame.negative)
    elif "passive" in build:
        after = " ".join(f"{after.replace('{}', '')} by {s}".split())
        clause = Clause(o, obj.plural, verb, after, True, frame.tense, frame.negative)
    else:
        clause = Clause(s, agent.plural, verb, after.replace("{}", o), False, frame.tense, frame.negative)
    return _finish(frame, wording, build, clause, front, tail, o)


def _finish(frame: Frame, wording: Wording, build: str, clause: Clause, front: str, tail: str, obj: str) -> str:
    was = "was" if frame.tense == "past" else "is"
    one = "the ones" if clause.plural else "the one"
    whole = clause.statement(wording.short) + tail
    if build in ("ask", "ask-passive"):
        return finish(clause.question() + tail, "?")
    if build == "ask-true":
        return finish(f"is it true that {whole}", "?")
    if build == "cleft":
        text = f"it {was} {clause.subject} that {clause.predicate(wording.short)}{tail}"
    elif build == "the-one":
        be = {"was": ("was", "were"), "is": ("is", "are")}[was][clause.plural]
        text = f"{clause.subject} {be} {one} that {clause.predicate(wording.short)}{tail}"
    elif build == "what":
        gap = clause.predicate(wording.short).removesuffix(obj).strip()
        text = f"what {clause.subject} {gap}{tail} {was} {obj}"
    elif build == "what-did":
        text = f"what {clause.subject} did{tail} was {clause.verb} {clause.rest}"
    else:
        text = front + whole
    if frame.source is None:
        return finish(text, ".")
    source = _words(frame.source, wording.way("source"))
    return finish(f"{source} said that {text}" if wording.short else f"according to {source}, {text}", ".")
