"""First-order contributions against the truth: exact removal of every head of the embedded model.

pytest -m slow -s tests/end_to_end/test_first_order.py
"""

from __future__ import annotations

import os

import pytest
import torch
from scipy.stats import spearmanr
from torch.nn.functional import normalize

from ablate.data.calibration import Calibration, CalibrationSpec, calibrate
from ablate.data.sources import resolve
from ablate.engine.collect import collect
from ablate.granularities.head import Head
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.losses import ALIGN, UNIFORM, Loss
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.scorers.statistics import GradientContribution

SIZE = 256
LEAST = {"align": 0.95, "uniform": 0.9}


def exact_losses(model: Model, calibration: Calibration) -> dict[str, float]:
    """Mean of the batch losses, computed from embeddings in inference mode: not the code under test."""
    left, right = zip(*calibration.pairs, strict=True)
    sentences = list(dict.fromkeys([*left, *right, *calibration.sentences]))
    unit = normalize(encode(model, prepare(model, sentences)), dim=1)
    where = {sentence: i for i, sentence in enumerate(sentences)}
    x, y, s = (unit[[where[t] for t in group]] for group in (left, right, calibration.sentences))
    batches = torch.split(s, calibration.batch_size)
    return {
        "align": float((x - y).square().sum(1).mean()),
        "uniform": float(torch.stack([torch.pdist(b).square().mul(-2).exp().mean().log() for b in batches]).mean()),
    }


@pytest.mark.slow
@pytest.mark.parametrize("data", ["embedded", "senteval"])
def test_first_order_agrees_with_exact_removal_of_every_head(data: str) -> None:
    if data == "senteval" and "ABLATE_DATA" not in os.environ:
        pytest.skip("ABLATE_DATA is not set")
    model = load_model(ModelSpec(name="minilm"))
    source = resolve(data, os.environ).source
    spec = CalibrationSpec(pairs=SIZE, sentences=SIZE)
    calibration = calibrate(spec, [source.load(name) for name in source.groups()["sts-train"]])
    head = Head()
    losses: tuple[Loss, ...] = (ALIGN, UNIFORM)
    collected = collect(model, calibration, [(head, GradientContribution(loss)) for loss in losses])
    dense = exact_losses(model, calibration)
    units = len(head.layers(model))
    removed = []
    for unit in range(units):
        mask = torch.ones(units, dtype=torch.bool)
        mask[unit] = False
        with masked(model, head.keep(model, mask)):
            removed.append(exact_losses(model, calibration))
    for loss in losses:
        exact = [r[loss.name] - dense[loss.name] for r in removed]
        first_order = collected.gradients[head, GradientContribution(loss)].numpy()
        rho = float(spearmanr(first_order, exact).statistic)
        print(f"\n{data}: {loss.name}: Spearman {rho:.4f} over {units} heads, {SIZE} calibration {loss.over}")
        assert rho >= LEAST[loss.name]
