"""Chooses a confirmed cell by what one needs: at most so much worse than dense, at least so much faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import torch

from ablate.arguments import argument
from ablate.errors import AblateError, suggest
from ablate.export.sizes import Size, size_of
from ablate.export.timing import Timed, measure, stored
from ablate.judge.candidates import Candidate, Candidates, candidates
from ablate.models.device import CPU
from ablate.models.spec import Precision
from ablate.plugins import Registry
from ablate.printable import number
from ablate.record import RunRecord
from ablate.report.stored_cell import Exportable, exportable
from ablate.store.store import Store

By = Literal["score", "parameters", "size", "latency"]


@dataclass(frozen=True)
class Needs:
    """What is asked for.

    within: at most so much worse than dense, in the unit of the scores, at least 0; None for no limit.
    faster: at least so many times as fast as dense, above 0; None for no limit.
    by: which of the cells that hold both is chosen: the one that is shown to score best, or is the smallest or fastest.
    tasks: on each of which ``within`` has to hold; empty for the mean over all.
    latency: measure the cells on the front, also if nothing needs it.
    """

    within: float | None = None
    faster: float | None = None
    by: By = "parameters"
    tasks: tuple[str, ...] = ()
    latency: bool = False

    @classmethod
    def of(
        cls,
        within: float | None,
        faster: float | None,
        by: str | None,
        tasks: Sequence[str],
        latency: bool,
    ) -> Needs:
        """What a user asks for. by: None for the parameters, and for the score where no ``within`` limits its loss.

        Raises:
            AblateError: a limit is below 0, or there is no such ``by``.
        """
        for name, limit in (("within", within), ("faster", faster)):
            if limit is not None and not isinstance(limit, int | float):
                raise AblateError(f"{argument(name)}: must be a number, not of type {type(limit).__name__}")
            if limit is not None and not limit >= 0:
                raise AblateError(f"{argument(name)}: must be at least 0, not {limit:g}")
        wanted = by or ("score" if within is None else "parameters")
        if wanted not in get_args(By):
            raise AblateError(f"{argument('by')}: there is no '{wanted}'; {suggest(wanted, get_args(By))}")
        return cls(within, faster, cast(By, wanted), tuple(tasks), latency)

    @property
    def times(self) -> bool:
        """Whether the choice needs latencies."""
        return self.faster is not None or self.by == "latency"


@dataclass(frozen=True)
class Option:
    """A candidate with its costs. timed: None if it was not measured. front: whether no other one is better at all."""

    candidate: Candidate
    size: Size
    timed: Timed | None
    front: bool = False


@dataclass(frozen=True)
class Choice:
    """The candidates, and the one that was chosen.

    options: in the order of the run. dense: the size of the dense model.
    chosen: None if no limit was given, or none holds it. nearest: then the one that comes nearest to a limit that was
        given, and which limit that is.
    """

    needs: Needs
    candidates: Candidates
    dense: Size
    options: tuple[Option, ...]
    chosen: Option | None
    nearest: tuple[Option, Literal["within", "faster"]] | None


def choose(
    results: RunRecord,
    store: Store,
    registry: Registry,
    needs: Needs,
    *,
    device: torch.device = CPU,
    precision: Precision = "float32",
    tell: Callable[[str], None] = lambda _: None,
) -> Choice:
    """Chooses among the confirmed cells of one model. Latencies that are needed and not stored are measured.

    Raises:
        AblateError: there is no candidate, or a model cannot be loaded or measured.
    """
    found = candidates(results, needs.tasks)
    cells: list[Exportable] = []
    for one in found.found:
        cells.append(exportable(results, store, registry, one.row.key, device, cells[0] if cells else None))
    dense = size_of(cells[0].model, {})
    timings = stored(cells, store, precision)
    options = [
        Option(one, size_of(cell.model, cell.keep), timed)
        for one, cell, timed in zip(found.found, cells, timings, strict=True)
    ]
    holding = [place for place, option in enumerate(options) if _holds(option, needs.within)]
    if needs.latency or needs.times:
        options = _timed(options, cells, holding, needs, store, precision, tell)
    on_front = set(front(options, dense))
    options = [replace(option, front=place in on_front) for place, option in enumerate(options)]
    eligible = [options[place] for place in holding]
    fast = [one for one in eligible if needs.faster is None or (one.timed and one.timed.faster >= needs.faster)]
    if needs.within is None and needs.faster is None:
        return Choice(needs, found, dense, tuple(options), None, None)
    if fast:
        return Choice(needs, found, dense, tuple(options), min(fast, key=_order(needs.by)), None)
    return Choice(needs, found, dense, tuple(options), None, _nearest(options, eligible))


def front(options: Sequence[Option], dense: Size) -> list[int]:
    """The places of the options that neither dense nor another option is at least as good as in every respect.

    The respects are the gain, the parameters, the bytes and, of two that were both measured, the latency against dense.
    """
    return [
        place
        for place, option in enumerate(options)
        if not any(_dominates(other, option) for other in options)
        and not (option.candidate.gain <= 0 and option.size.parameters >= dense.parameters and not _speeds_up(option))
    ]


def _dominates(a: Option, b: Option) -> bool:
    ours, theirs = _costs(a), _costs(b)
    if a.timed and b.timed:
        ours, theirs = (*ours, -a.timed.faster), (*theirs, -b.timed.faster)
    return ours != theirs and all(x <= y for x, y in zip(ours, theirs, strict=True))


def _costs(option: Option) -> tuple[float, ...]:
    return -option.candidate.gain, option.size.parameters, option.size.bytes


def _speeds_up(option: Option) -> bool:
    return option.timed is not None and option.timed.faster > 1


def _holds(option: Option, within: float | None) -> bool:
    return within is None or option.candidate.at_least >= -within


def _timed(
    options: Sequence[Option],
    cells: Sequence[Exportable],
    holding: Sequence[int],
    needs: Needs,
    store: Store,
    precision: Precision,
    tell: Callable[[str], None],
) -> list[Option]:
    """The options, with the latencies of those on the front of what holds the limit on scores."""
    pool = [options[place] for place in holding]
    bare = [replace(option, timed=None) for option in pool]
    wanted = [
        place
        for place, option in zip(holding, pool, strict=True)
        # Asked for by itself, a latency is measured anew; otherwise only where the store has none.
        if not any(_dominates(other, replace(option, timed=None)) for other in bare)
        and (needs.latency or option.timed is None)
    ]
    timed = list(options)
    if wanted:
        tell(f"measuring {number(len(wanted), 'cell')} beside the dense model, each in processes of its own")
        found = measure([cells[place] for place in wanted], store, precision)
        for place, one in zip(wanted, found, strict=True):
            timed[place] = replace(timed[place], timed=one)
    return timed


def _order(by: By) -> Callable[[Option], tuple[float, ...]]:
    """What orders the options, the best first; equal ones by what they are shown to score."""

    def cost(option: Option) -> float:
        if by == "score":
            return -option.candidate.at_least
        if by == "latency":
            return -option.timed.faster if option.timed else 0.0
        return option.size.parameters if by == "parameters" else option.size.bytes

    return lambda option: (cost(option), -option.candidate.at_least)


def _nearest(
    options: Sequence[Option], eligible: Sequence[Option]
) -> tuple[Option, Literal["within", "faster"]] | None:
    if not eligible:
        return max(options, key=lambda option: option.candidate.at_least), "within"
    measured = [(option.timed.faster, place) for place, option in enumerate(eligible) if option.timed]
    return (eligible[max(measured)[1]], "faster") if measured else None
