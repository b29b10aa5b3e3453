"""How good is the estimate of the share of units that hurt? Simulated gains with a known share; docs/prevalence.md.

python benchmarks/prevalence.py
"""

from __future__ import annotations

import numpy as np
from ablate.statistics.hurting_share import share

from ablate.statistics.discovery import discoveries

SETTINGS = ((72, -0.2, 0.5, 0.3), (72, -0.3, 0.3, 0.15), (288, -0.1, 0.1, 0.1), (144, -0.05, 0.05, 0.1))
COMMON = (0.0, 0.1, 0.3, 0.6)
SIMULATIONS, DRAWS = 200, 200


def main() -> None:
    print("units  mean    sd  error  common  share   bias  counted  found  covered  without the common move")
    for units, mean, sd, error in SETTINGS:
        for common in COMMON:
            random = np.random.default_rng(0)
            rows = []
            for _ in range(SIMULATIONS):
                truth, errors = random.normal(mean, sd, units), error * random.uniform(0.7, 1.3, units)
                noise = np.sqrt(common) * random.normal() + np.sqrt(1 - common) * random.normal(size=units)
                gains = truth + errors * noise
                shifts = random.normal(0, error * np.sqrt(common + (1 - common) / units), DRAWS)
                true, one = (truth > 0).mean(), share(gains, errors, shifts, random)
                still = share(gains, errors, np.zeros(DRAWS), random)
                counts = (gains > 0).mean() - true, discoveries(gains, errors).mean() - true
                covered = one.low <= true <= one.high, still.low <= true <= still.high
                rows.append((true, one.value - true, *counts, *covered))
            numbers = "  ".join(f"{value:+.2f}" for value in np.mean(np.array(rows, float), axis=0))
            print(f"{units:5}  {mean:+.2f}  {sd:.2f}  {error:.2f}  {common:.1f}  {numbers}", flush=True)


if __name__ == "__main__":
    main()
