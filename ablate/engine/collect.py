"""Gathers the statistics that scorers declare, in as few passes over the calibration set as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.gradients import gradient_pass
from ablate.engine.norms import input_norms
from ablate.engine.passes import ContributionRequest, Pass, Request, passes_of
from ablate.engine.second_order import halfway_pass
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


def collect(
    model: Model,
    calibration: Calibration,
    requests: Iterable[Request],
    on_pass: Callable[[str], None] = lambda _: None,
    have: Collected | None = None,
) -> Collected:
    """Gathers every requested statistic under the mask in force.

    Args:
        on_pass: given the name of each pass over the calibration set before it begins.
        have: what was gathered before under the same mask. It is included in the result, and not gathered again.

    Raises:
        AblateError: a batch is larger than the calibration set, or a loss is not finite.
        DeviceFull: the memory of the device is too small for a batch.
        PluginError: ``absolute-example`` is asked for a loss or a granularity that does not support it.
    """
    # Copies, so that what the caller has stays as it is.
    collected = Collected(dict(have.gradients), dict(have.norms)) if have else Collected()
    for planned, served in passes_of(requests, calibration).items():
        if collected.has(served):
            continue
        on_pass(planned.name)
        with full_means(
            f"{planned.name}: a batch of {planned.batch_size} {planned.over} does not fit into the free memory of "
            f"{label(model.device)}; lower calibration.batch_size, which changes the scores, or use another device"
        ):
            _make(model, calibration, planned, served, collected)
    return collected


def _make(
    model: Model, calibration: Calibration, planned: Pass, served: Sequence[Request], collected: Collected
) -> None:
    """Makes one pass, and adds what it gives to what was collected."""
    if planned.loss is None:
        norms = input_norms(model, calibration, planned)
        collected.norms.update({s: norms for _, s in served if isinstance(s, InputNorm)})
    elif planned.halfway is None:
        contributions = [(g, s) for g, s in served if isinstance(s, GradientContribution)]
        collected.gradients.update(gradient_pass(model, calibration, planned.loss, planned, contributions))
    else:
        half = planned.halfway
        # `passes_of` has put the first-order pass before this one.
        first = collected.gradients[half.granularity, half.statistic.first_order]
        corrected = halfway_pass(model, calibration, planned.loss, planned, half, first)
        collected.gradients[half.granularity, half.statistic] = corrected
