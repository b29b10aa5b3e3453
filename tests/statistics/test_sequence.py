"""The fixed-sequence test."""

from __future__ import annotations

import pytest

from ablate.statistics.sequence import largest_harmless


@pytest.mark.parametrize(
    ("ps", "found"),
    [
        ([0.01, 0.05, 0.2, 0.01], 0.1),
        ([0.06, 0.001, 0.001, 0.001], None),
        ([0.01, 0.01, 0.01, 0.01], 0.3),
        ([0.01, None, 0.01, 0.01], 0.05),
    ],
)
def test_a_fixed_sequence_stops_at_the_first_failure(ps: list[float | None], found: float | None) -> None:
    assert largest_harmless([0.05, 0.1, 0.2, 0.3], ps) == found


def test_a_fixed_sequence_must_rise() -> None:
    with pytest.raises(ValueError, match="must increase"):
        largest_harmless([0.1, 0.1], [0.01, 0.01])
