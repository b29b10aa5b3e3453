"""Thirds of the depth, for any number of layers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.errors import Undefined
from ablate.statistics.depth import thirds


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        ([6, 3, 1], (0.6, 0.3, 0.1)),
        ([4, 2, 1, 1, 1, 1], (0.6, 0.2, 0.2)),
        ([1, 0], (2 / 3, 1 / 3, 0)),  # the middle third has half of each layer, a third of its depth
        ([0, 3, 0, 0], (1 / 3, 2 / 3, 0)),  # the second layer goes from 1/4 to 2/4
        ([5], (1 / 3, 1 / 3, 1 / 3)),
    ],
)
def test_what_lies_across_a_border_is_divided(counts: list[int], shares: tuple[float, ...]) -> None:
    assert thirds(counts) == pytest.approx(shares)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any))
def test_the_shares_add_up(counts: list[int]) -> None:
    assert sum(thirds(counts)) == pytest.approx(1)
    assert thirds(counts[::-1]) == pytest.approx(thirds(counts)[::-1])


@given(st.integers(1, 60))
def test_even_layers_give_even_thirds(layers: int) -> None:
    assert thirds([7] * layers) == pytest.approx((1 / 3,) * 3)


def test_no_units_have_no_place() -> None:
    with pytest.raises(Undefined, match="no unit"):
        thirds([0, 0])
