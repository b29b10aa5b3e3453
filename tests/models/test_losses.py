"""The losses, by hand and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from torch.nn.functional import normalize

from ablate.models.losses import align_distances, align_loss, contrastive, info_nce, uniform_loss


def test_align_loss_by_hand() -> None:
    left = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0.6, 0.8]])
    right = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0.8, 0.6]])
    assert align_distances(left, right).tolist() == pytest.approx([0, 2, 4, 0.08])
    assert align_loss(left, right).item() == pytest.approx(6.08 / 4)


def test_uniform_loss_by_hand() -> None:
    right_angle = torch.tensor([[1.0, 0], [0, 1]])
    assert uniform_loss(right_angle).item() == pytest.approx(-4)
    three = torch.tensor([[1.0, 0], [0, 1], [-1, 0]])
    assert uniform_loss(three).item() == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3))
    assert uniform_loss(torch.tensor([[1.0, 0], [-1, 0]])).item() == pytest.approx(-8)
    assert uniform_loss(torch.ones(5, 1)).item() == pytest.approx(0)


@pytest.mark.parametrize("seed", range(5))
def test_losses_against_scipy(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    left, right = (normalize(torch.randn(40, 16, generator=generator), dim=1) for _ in range(2))
    distances = ((left.double().numpy() - right.double().numpy()) ** 2).sum(1)
    assert align_loss(left, right).item() == pytest.approx(distances.mean(), rel=1e-5)
    uniform = np.log(np.exp(-2 * pdist(left.double().numpy(), "sqeuclidean")).mean())
    assert uniform_loss(left).item() == pytest.approx(uniform, rel=1e-5)


def test_equal_sentences_have_finite_gradients() -> None:
    embeddings = torch.tensor([[1.0, 0], [1, 0], [0, 1]], requires_grad=True)
    (gradient,) = torch.autograd.grad(uniform_loss(embeddings), embeddings)
    assert gradient.isfinite().all()


def test_infonce_of_two_pairs_by_hand() -> None:
    left = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    right = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    # Cosines 0.6 and 0 of the first with both right members, 0.8 and 1 of the second; divided by τ = 0.5.
    first, second = (
        -math.log(math.exp(1.2) / (math.exp(1.2) + 1)),
        -math.log(math.exp(2) / (math.exp(1.6) + math.exp(2))),
    )
    assert info_nce(left, right, 0.5).item() == pytest.approx((first + second) / 2, abs=1e-6)


def test_infonce_is_log_n_where_nothing_is_told_apart() -> None:
    same = torch.tensor([[0.6, 0.8]]).expand(5, 2)
    assert info_nce(same, same, 0.05).item() == pytest.approx(math.log(5), abs=1e-6)


def test_losses_of_two_temperatures_are_two_losses() -> None:
    assert contrastive(0.05) == contrastive(0.05)
    assert contrastive(0.05) != contrastive(0.0500000001)
