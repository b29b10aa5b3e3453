"""How long the rest of a run is likely to take: what was forecast, corrected by how long its parts really take."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.events import PARTS, Event

Place = tuple[str, str, str]
"""The name of a model, empty if there is only one; a part of the run; and of it, the scorer or the judged stage."""


@dataclass
class Part:
    """A part of the run of one model.

    pieces: how many there are at most. forecast: seconds for each of them; None if it is not known.
    done: how many were done, without those that came from the store, in ``spent`` seconds.
    """

    pieces: int
    forecast: float | None = None
    done: int = 0
    spent: float = 0.0


class Remaining:
    """Takes the events of a run with their times, in seconds of one clock.

    A piece is expected to take as long as those of its part have taken. As long as none is done, it is expected to take
    what was forecast, times the pace of everything that is done: what it took, over what was forecast for it.
    """

    def __init__(self) -> None:
        self._parts: dict[Place, Part] = {}
        # What is being worked on: a pass, within a training, within a stage.
        self._pass: Place | None = None
        self._training: Place | None = None
        self._stage: Place | None = None
        self._cells: int | None = None
        """How many cells of the stage are left; None if the stage may begin again with more of them."""
        self._steps = 0
        """How many steps of the training are left."""
        self._last = 0.0
        self._loading = False

    def take(self, event: Event, now: float) -> None:
        """Takes the next event."""
        if event.kind == "note":
            return
        if event.kind == "forecast":
            self._forecast(event)
            return
        self._loading = event.kind == "load"
        if event.kind == "cell" and event.part == "statistics":
            self._judge(event.text)
        self._spend(now)
        match event.kind:
            case "pass":
                self._pass = event.model, "passes", ""
                self._parts.setdefault(self._pass, Part(0))
            case "begin":
                self._begin((event.model, event.part or event.text, ""), event.total)
            case "cell":
                self._cell(event.cached)
            case "fit":
                self._fit((event.model, event.part or "scores", event.of), event.total)
            case "step":
                self._step(event.cached)

    def left(self, now: float) -> float | None:
        """Seconds until the run ends, 0 or more; None where nothing is known of a part that is left."""
        if self._loading or not self._parts:
            return None
        total, current = 0.0, 0.0
        for place, part in self._parts.items():
            count = max(part.pieces - part.done, 0)
            if place == self._stage and self._cells is not None:
                count = max(min(count, self._cells), 0)
            if not count:
                continue
            each = self._each(part)
            if each is None:
                return None
            total += count * each
            if place == self._open:
                current = each
        # The piece under way has been so for a while. One that takes longer than expected uses up no other.
        return max(total - min(max(now - self._last, 0.0), current), 0.0)

    def _forecast(self, event: Event) -> None:
        # The cells of all models are judged together in the end.
        place = "" if event.part == "statistics" else event.model, event.part, event.of
        before = self._parts.get(place, Part(0, 0.0)) if event.part == "statistics" else Part(0, 0.0)
        pieces = before.pieces + event.total
        seconds = before.pieces * (before.forecast or 0.0) + event.seconds
        self._parts[place] = Part(pieces, seconds / max(pieces, 1))

    def _each(self, part: Part) -> float | None:
        """Seconds that a piece is likely to take."""
        if part.done:
            return part.spent / part.done
        return None if part.forecast is None else part.forecast * self._pace

    @property
    def _pace(self) -> float:
        known = [(part.spent, part.done * part.forecast) for part in self._parts.values() if part.forecast]
        expected = sum(seconds for _, seconds in known)
        # Without what is under way, of which only the time is known.
        spent = sum(seconds for seconds, of_done in known if of_done)
        return spent / expected if expected else 1.0

    @property
    def _open(self) -> Place | None:
        return self._pass or self._training or self._stage

    def _spend(self, now: float) -> None:
        """Adds the time since the last event to what was worked on, and ends a pass."""
        if self._open is not None:
            self._parts[self._open].spent += max(now - self._last, 0.0)
        if self._pass is not None:
            self._parts[self._pass].done += 1
            self._pass = None
        self._last = now

    def _begin(self, place: Place, cells: int) -> None:
        before, (model, name, _) = self._stage, place
        if before is not None and before[0] != model:
            # Models take turns: each is screened and searched, then each is confirmed.
            self._end(before[0], "statistics" if before[1] == "confirm" else "confirm")
        judging = name == "statistics"
        for of in {of for of, *_ in self._parts} if judging else {model}:
            self._end(of, name)
        if judging:
            place = next((place for place in self._parts if place[1] == "statistics"), place)
        self._stage, self._training = place, None
        part = self._parts.setdefault(place, Part(0))
        if part.forecast is None:
            part.pieces = part.done + cells
        self._cells = cells if judging or cells >= part.pieces - part.done else None

    def _judge(self, stage: str) -> None:
        """Goes on to the statistics of a stage, where they have a forecast of their own. Those before have ended."""
        place = "", "statistics", stage
        if place in self._parts and place != self._stage:
            if self._stage is not None:
                self._parts[self._stage].pieces = self._parts[self._stage].done
            self._stage = place

    def _end(self, model: str, before: str) -> None:
        """Ends the parts of a model before this one: they may have had fewer pieces than forecast."""
        earlier = PARTS[: PARTS.index(before)] if before in PARTS else ()
        for (of, name, _), part in self._parts.items():
            if of == model and name in earlier:
                part.pieces = part.done

    def _cell(self, cached: bool) -> None:
        self._training = None
        if self._cells is not None:
            self._cells -= 1
        if self._stage is not None and not cached:
            self._parts[self._stage].done += 1
        if self._stage is not None and self._stage[1] == "statistics" and not self._cells:
            for place, part in self._parts.items():
                if place[1] == "statistics":
                    part.pieces = part.done

    def _fit(self, place: Place, steps: int) -> None:
        part = self._parts.setdefault(place, Part(0))
        if part.forecast is None:
            part.pieces = part.done + steps
        self._training, self._steps = place, steps

    def _step(self, cached: bool) -> None:
        self._steps -= 1
        if self._training is not None and not cached:
            self._parts[self._training].done += 1
        if self._steps <= 0:
            self._training = None
