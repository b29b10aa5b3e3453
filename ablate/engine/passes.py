"""Plans the passes over the calibration set: as few as possible for the statistics that scorers declare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ablate.data.calibration import Calibration, Over
from ablate.granularities.base import Granularity
from ablate.models.losses import Loss
from ablate.scorers.statistics import GradientContribution, ScorerStatistic

Request = tuple[Granularity, ScorerStatistic]
ContributionRequest = tuple[Granularity, GradientContribution]


@dataclass(frozen=True)
class Halfway:
    """The second-order correction of one request. Its gradient is taken halfway to the removal of some units.

    share: the share of the units, in (0, 1), that have the lowest first-order contributions.
    """

    granularity: Granularity
    statistic: GradientContribution
    share: float


@dataclass(frozen=True)
class Pass:
    """One pass over the calibration set.

    loss: the loss whose gradient is taken; None for the norms of the inputs of linear modules.
    size, batch_size: the number of examples in total, and in a batch.
    halfway: None, or the request whose second-order correction needs this pass for itself.
    """

    loss: Loss | None
    size: int
    batch_size: int
    halfway: Halfway | None = None

    @property
    def name(self) -> str:
        if self.loss is None:
            return "input norms"
        at = f", second order at {self.halfway.granularity.name}" if self.halfway else ""
        return f"gradient of {self.loss.name}{at}"

    @property
    def over(self) -> Over:
        """The kind of examples that the pass uses."""
        return self.loss.over if self.loss else "sentences"


def passes_of(requests: Iterable[Request], calibration: Calibration) -> dict[Pass, list[Request]]:
    """The passes that serve all requests, in an order in which they can be made, and the requests that each serves.

    Raises:
        DataError: a batch is larger than the calibration set, or more examples are asked for than it has.
    """
    passes: defaultdict[Pass, list[Request]] = defaultdict(list)
    for granularity, statistic in dict.fromkeys(requests):
        planned = _pass_of(statistic, calibration)
        if isinstance(statistic, GradientContribution) and statistic.second_order is not None:
            # The correction needs the first-order contributions, to find the lowest ones. So their pass comes first.
            passes[planned].append((granularity, statistic.first_order))
            planned = replace(planned, halfway=Halfway(granularity, statistic, statistic.second_order))
        passes[planned].append((granularity, statistic))
    return {planned: list(dict.fromkeys(served)) for planned, served in passes.items()}


def _pass_of(statistic: ScorerStatistic, calibration: Calibration) -> Pass:
    """The pass that a statistic needs, without a second-order correction."""
    size, batch_size = statistic.batches.of(calibration, statistic.what)
    if isinstance(statistic, GradientContribution):
        return Pass(statistic.loss, size, batch_size)
    return Pass(None, size, calibration.batch_size)
