"""Gathers the statistics that scorers declare, in as few passes over the calibration set as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.gradients import gradient_pass
from ablate.engine.norms import input_norms
from ablate.engine.passes import ContributionRequest, Pass, Request, passes_of
from ablate.engine.second_order import halfway_pass
from ablate.models.chunks import Chunks, InTurn
from ablate.models.device import full_means, label
from ablate.models.model import Model
from ablate.scorers.statistics import GradientContribution, InputNorm


@dataclass
class Collected:
    """Collected statistics.

    gradients: float32 [units] for each (granularity, statistic).
    norms: for each statistic, module name -> float32 [in_features].
    """

    gradients: dict[ContributionRequest, Tensor] = field(default_factory=dict)
    norms: dict[InputNorm, dict[str, Tensor]] = field(default_factory=dict)

    def has(self, requests: Iterable[Request]) -> bool:
        """Whether all of them have been collected."""
        return all(
            statistic in self.norms if isinstance(statistic, InputNorm) else (granularity, statistic) in self.gradients
            for granularity, statistic in requests
        )


@dataclass(frozen=True)
class _PassWork:
    """One pass to make. first: the first-order contributions that a second-order correction needs."""

    calibration: Calibration
    planned: Pass
    served: tuple[Request, ...]
    first: Tensor | None


def collect(
    model: Model,
    calibration: Calibration,
    requests: Iterable[Request],
    on_pass: Callable[[str], None] = lambda _: None,
    have: Collected | None = None,
    chunks: Chunks | None = None,
) -> Collected:
    """Gathers every requested statistic under the mask in force.

    Args:
        on_pass: given the name of each pass over the calibration set before it begins.
        have: what was gathered before under the same mask. It is included in the result, and not gathered again.
        chunks: where passes are made; by default in this process.

    Raises:
        AblateError: a batch is larger than the calibration set, or a loss is not finite.
        DeviceFull: the memory of the device is too small for a batch.
        PluginError: ``absolute-example`` is asked for a loss or a granularity that does not support it.
    """
    chunks = chunks or InTurn(model)
    # Copies, so that what the caller has stays as it is.
    collected = Collected(dict(have.gradients), dict(have.norms)) if have else Collected()
    for wave in waves(passes_of(requests, calibration), divides=chunks.divides):
        passes = [(planned, tuple(served)) for planned, served in wave.items() if not collected.has(served)]
        for position, made in chunks.map(_made, _works(calibration, passes, collected, on_pass)):
            _add(collected, passes[position][1], made)
    return collected


def waves(passes: Mapping[Pass, Sequence[Request]], *, divides: bool) -> list[dict[Pass, Sequence[Request]]]:
    """The passes in groups, of which each needs nothing but what the groups before it give.

    Args:
        divides: whether the passes of a group are made at the same time. If not, each is a group by itself.
    """
    if not divides:
        return [{planned: served} for planned, served in passes.items()]
    first = {planned: served for planned, served in passes.items() if planned.halfway is None}
    return [first, {planned: served for planned, served in passes.items() if planned not in first}]


def _works(
    calibration: Calibration,
    passes: Sequence[tuple[Pass, tuple[Request, ...]]],
    collected: Collected,
    on_pass: Callable[[str], None],
) -> Iterator[_PassWork]:
    for planned, served in passes:
        half = planned.halfway
        first = None if half is None else collected.gradients[half.granularity, half.statistic.first_order]
        on_pass(planned.name)
        yield _PassWork(calibration, planned, served, first)


def _made(model: Model, work: _PassWork) -> list[Any]:
    """What a pass gives for each request that it serves, in their order."""
    planned = work.planned
    with full_means(
        f"{planned.name}: a batch of {planned.batch_size} {planned.over} does not fit into the free memory of "
        f"{label(model.device)}; lower calibration.batch_size, which changes the scores, or use another device"
    ):
        if planned.loss is None:
            return [input_norms(model, work.calibration, planned)] * len(work.served)
        if planned.halfway is not None:
            assert work.first is not None
            return [halfway_pass(model, work.calibration, planned.loss, planned, planned.halfway, work.first)]
        requests = [(g, s) for g, s in work.served if isinstance(s, GradientContribution)]
        made = gradient_pass(model, work.calibration, planned.loss, planned, requests)
        return [made[request] for request in requests]


def _add(collected: Collected, served: Sequence[Request], made: Sequence[Any]) -> None:
    for (granularity, statistic), value in zip(served, made, strict=True):
        if isinstance(statistic, InputNorm):
            collected.norms[statistic] = value
        else:
            collected.gradients[granularity, statistic] = value
