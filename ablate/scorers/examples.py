"""How much of the calibration set a scorer takes, and whether the set has as much."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.data.calibration import Calibration, Over
from ablate.errors import DataError

_NAMES: dict[Over, str] = {
    "pairs": "calibration pairs",
    "sentences": "calibration sentences",
    "graded": "graded calibration pairs",
}

_LEAST_GRADED = 3
"""Two pairs correlate by 1 or -1, whatever the model is."""


@dataclass(frozen=True)
class Batches:
    """Batches of equal size that a scorer takes of the calibration set.

    over: of which part.
    size: how many examples; None: all.
    batch_size: examples in a batch; None: as many as the calibration set has in one; 1: they need fill no batch.
    """

    over: Over
    size: int | None = None
    batch_size: int | None = None

    def of(self, calibration: Calibration, what: str) -> tuple[int, int]:
        """How many examples are taken, and how many are in a batch.

        Args:
            what: takes them; messages begin with it.

        Raises:
            DataError: there are fewer than are asked for, or than a batch has; or a batch is too small for gold scores.
        """
        name, available = _NAMES[self.over], len(calibration.examples(self.over))
        size = available if self.size is None else self.size
        batch_size = self.batch_size or calibration.batch_size
        if size > available:
            raise DataError(
                f"{what}: {size} {name} are asked for, and there are {available}; lower {self.over}, or calibrate on "
                "more"
            )
        if batch_size > size:
            whole = f", in whole batches of {calibration.batch_size} from each split" if self.over == "graded" else ""
            raise DataError(
                f"{what}: batches of {batch_size} are asked for, and there are {size} {name}{whole}; lower batch_size, "
                f"or take more {self.over}"
            )
        if self.over == "graded" and 1 < batch_size < _LEAST_GRADED:
            raise DataError(f"{what}: {batch_size} pairs correlate by 1 or -1, whatever is removed; raise batch_size")
        return size, batch_size
