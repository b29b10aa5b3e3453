"""The formula and the rule of the sign, on numbers that are worked out by hand."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
import torch
from torch import Tensor

from ablate.engine.contribution import RULES, absolute, absolute_example, first_order, per_pair, signed, squared
from ablate.scorers.statistics import GradientContribution


def test_first_order_is_minus_weight_times_gradient() -> None:
    weight = torch.tensor([[2.0, -1.0], [0.0, 0.5]])
    gradient = torch.tensor([[0.25, 3.0], [7.0, -4.0]])
    assert first_order(weight, gradient).tolist() == [[-0.5, 3.0], [0.0, 2.0]]


def test_first_order_is_exact_where_the_loss_is_linear() -> None:
    slopes = torch.tensor([3.0, -2.0, 0.5])
    weight = torch.tensor([1.0, 2.0, -4.0], requires_grad=True)

    def loss(at: Tensor) -> Tensor:
        return (slopes * at).sum() + 7

    (gradient,) = torch.autograd.grad(loss(weight), weight)
    contributions = first_order(weight.detach(), gradient)
    for unit in range(3):
        without = weight.detach().clone()
        without[unit] = 0
        assert contributions[unit] == loss(without) - loss(weight.detach())


def test_of_a_quadratic_loss_it_is_the_slope_and_not_the_way() -> None:
    weight = torch.tensor(3.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(weight.square(), weight)
    # L(0) - L(3) is -9; the slope at 3 is 6, so the first-order estimate is twice that.
    assert first_order(weight.detach(), gradient).item() == -18


def test_per_pair_sums_over_tokens_and_both_members() -> None:
    # Two pairs, two tokens, one column: left members 1 and 2, then right members 3 and 4.
    inputs = torch.tensor([[[1.0], [2.0]], [[1.0], [0.0]], [[3.0], [1.0]], [[2.0], [2.0]]])
    gradients = torch.tensor([[[0.5], [1.0]], [[-1.0], [9.0]], [[1.0], [0.0]], [[0.25], [0.5]]])
    # By sentence -2.5, 1, -3, -1.5. The loss is a mean over two pairs: twice -2.5 - 3, twice 1 - 1.5.
    assert per_pair(inputs, gradients).tolist() == [[-11.0], [-1.0]]


def test_the_rules_of_the_sign() -> None:
    contributions = torch.tensor([-2.0, 0.0, 3.0])
    assert signed(contributions).tolist() == [-2, 0, 3]
    assert absolute(contributions).tolist() == [2, 0, 3]
    assert squared(contributions).tolist() == [4, 0, 9]
    pairs = torch.tensor([[-2.0, 1.0], [4.0, 1.0]])
    assert absolute_example(pairs).tolist() == [3, 1]
    assert contributions.tolist() == [-2, 0, 3], "nothing is written to"


@pytest.mark.parametrize("sign", RULES)
def test_rules_give_one_number_a_unit(sign: str) -> None:
    shape = (4, 5) if sign == "absolute-example" else (5,)
    assert RULES[sign](torch.ones(shape)).shape == (5,)


def test_every_sign_that_a_scorer_may_declare_has_a_rule() -> None:
    signs, squares = get_args(get_type_hints(GradientContribution)["sign"])
    assert set(RULES) == {*get_args(signs), *get_args(squares)}
