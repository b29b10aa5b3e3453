"""Which passes over the calibration set gather what scorers declare: as few as possible, known before any is made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ablate.data.calibration import Calibration, Over
from ablate.errors import AblateError
from ablate.granularities.base import Granularity
from ablate.models.losses import Loss
from ablate.scorers.statistics import GradientContribution, ScorerStatistic

Request = tuple[Granularity, ScorerStatistic]
ContributionRequest = tuple[Granularity, GradientContribution]


@dataclass(frozen=True)
class Halfway:
    """The second-order correction of one request, whose gradient is taken halfway to the removal of units.

    share: of the units, in (0, 1): those of lowest first-order contribution.
    """

    granularity: Granularity
    statistic: GradientContribution
    share: float


@dataclass(frozen=True)
class Pass:
    """One pass over the calibration set: the gradient of ``loss``, or (None) the norms of the linears' inputs.

    size, batch_size: examples in all, and in a batch.
    halfway: None, or the request whose second-order correction takes a pass of its own.
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
        """The examples that it looks at."""
        return self.loss.over if self.loss else "sentences"


def passes_of(requests: Iterable[Request], calibration: Calibration) -> dict[Pass, list[Request]]:
    """The passes that serve all requests, in the order in which they can be made, and which each serves.

    Raises:
        AblateError: a batch is larger than the calibration set, or more examples are asked for than it has.
    """
    passes: defaultdict[Pass, list[Request]] = defaultdict(list)
    for granularity, statistic in dict.fromkeys(requests):
        planned = _pass_of(statistic, calibration)
        if isinstance(statistic, GradientContribution) and statistic.second_order is not None:
            # The units that the correction is for are those of lowest first-order contribution.
            passes[planned].append((granularity, statistic.first_order))
            planned = replace(planned, halfway=Halfway(granularity, statistic, statistic.second_order))
        passes[planned].append((granularity, statistic))
    return {planned: list(dict.fromkeys(served)) for planned, served in passes.items()}


def _pass_of(statistic: ScorerStatistic, calibration: Calibration) -> Pass:
    """The pass that a statistic needs, without a second-order correction."""
    loss: Loss | None = None
    over: Over = "sentences"
    batch_size = calibration.batch_size
    if isinstance(statistic, GradientContribution):
        loss, over = statistic.loss, statistic.loss.over
        batch_size = statistic.batch_size or batch_size
    available = len(calibration.examples(over))
    size = available if statistic.size is None else statistic.size
    if size > available or (loss and batch_size > size):
        raise AblateError(
            f"{loss.name if loss else 'input norms'}: {size} calibration {over} in batches of {batch_size} are "
            f"asked for, and there are {available}; lower {over} or batch_size, or calibrate on more"
        )
    return Pass(loss, size, batch_size)
