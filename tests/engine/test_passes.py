"""Which passes are planned, before any is made."""

from __future__ import annotations

import pytest

from ablate.engine.passes import Halfway, Pass, passes_of
from ablate.errors import AblateError
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.models.losses import ALIGN, CORRELATION, UNIFORM
from ablate.scorers.statistics import GradientContribution, InputNorm, ScorerStatistic
from ablate.testing.samples import sample_calibration

CALIBRATION = sample_calibration()  # 8 pairs and 12 sentences in batches of 4
HEAD, NEURON = Head(), Neuron()


def planned(*requests: tuple[Granularity, ScorerStatistic]) -> list[tuple[Pass, int]]:
    return [(one, len(served)) for one, served in passes_of(requests, CALIBRATION).items()]


def test_what_looks_at_the_same_loss_in_the_same_batches_shares_a_pass() -> None:
    signed, absolute = GradientContribution(ALIGN), GradientContribution(ALIGN, "absolute")
    explicit = GradientContribution(ALIGN, size=8, batch_size=4)
    requests = [(HEAD, signed), (NEURON, signed), (HEAD, absolute), (HEAD, signed), (HEAD, explicit)]
    assert planned(*requests) == [(Pass(ALIGN, 8, 4), 4)]


def test_another_loss_size_or_batch_is_another_pass() -> None:
    statistics: list[ScorerStatistic] = [
        GradientContribution(ALIGN),
        GradientContribution(ALIGN, size=4),
        GradientContribution(ALIGN, batch_size=2),
        GradientContribution(UNIFORM),
        GradientContribution(CORRELATION),
        InputNorm(),
        InputNorm(6),
    ]
    assert planned(*((HEAD, statistic) for statistic in statistics)) == [
        (Pass(ALIGN, 8, 4), 1),
        (Pass(ALIGN, 4, 4), 1),
        (Pass(ALIGN, 8, 2), 1),
        (Pass(UNIFORM, 12, 4), 1),
        (Pass(CORRELATION, 8, 4), 1),
        (Pass(None, 12, 4), 1),
        (Pass(None, 6, 4), 1),
    ]


def test_a_second_order_correction_follows_the_pass_that_it_corrects() -> None:
    corrected = GradientContribution(ALIGN, second_order=0.25)
    plain = Pass(ALIGN, 8, 4)
    halfway = [Pass(ALIGN, 8, 4, Halfway(g, corrected, 0.25)) for g in (HEAD, NEURON)]
    served = passes_of([(HEAD, corrected), (NEURON, corrected), (HEAD, corrected.first_order)], CALIBRATION)
    assert list(served) == [plain, *halfway]
    assert served[plain] == [(HEAD, corrected.first_order), (NEURON, corrected.first_order)]
    assert [one.name for one in served] == [
        "gradient of align",
        "gradient of align, second order at head",
        "gradient of align, second order at neuron",
    ]


def test_names_and_examples() -> None:
    assert [(one.name, one.over) for one in (Pass(None, 12, 4), Pass(UNIFORM, 12, 4), Pass(CORRELATION, 8, 4))] == [
        ("input norms", "sentences"),
        ("gradient of uniform", "sentences"),
        ("gradient of correlation", "graded"),
    ]


@pytest.mark.parametrize(
    ("statistic", "told"),
    [
        (
            GradientContribution(ALIGN, batch_size=9),
            "align: batches of 9 are asked for, and there are 8 calibration pairs; lower",
        ),
        (
            GradientContribution(ALIGN, size=3),
            "align: batches of 4 are asked for, and there are 3 .* or take more pairs",
        ),
        (GradientContribution(ALIGN, size=9), "align: 9 calibration pairs are asked for, and there are 8; lower pairs"),
        (
            GradientContribution(UNIFORM, batch_size=13),
            "uniform: batches of 13 are asked for, and there are 12 calibration sentences",
        ),
        (InputNorm(13), "input norms: 13 calibration sentences"),
    ],
)
def test_more_than_the_calibration_set_has_is_refused(statistic: ScorerStatistic, told: str) -> None:
    with pytest.raises(AblateError, match=told):
        passes_of([(HEAD, statistic)], CALIBRATION)


def test_norms_take_a_batch_that_is_not_full() -> None:
    assert planned((HEAD, InputNorm(3))) == [(Pass(None, 3, 4), 1)]
