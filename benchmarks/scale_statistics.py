"""How long the statistics of one cell take against the dense model, by the number of pairs.

    python benchmarks/scale_statistics.py [--resamples 2000] [--pairs 100,1500,18850]

Processor time of the bootstrap and of the permutations, on random pairs whose statistic is Spearman's correlation.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from ablate.statistics.arrays import Values
from ablate.statistics.metric import SPEARMAN
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Joint, Judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--pairs", default="100,1500,18850")
    given = parser.parse_args()
    print("| pairs | bootstrap, s | permutations, s |")
    print("|--:|--:|--:|")
    for pairs in map(int, given.pairs.split(",")):
        joint, dense, cell = drawn(pairs, given.resamples)
        start = time.process_time()
        joint.bootstrap({"stub": {"cell": cell}})
        middle = time.process_time()
        joint.permute({"cell": {"stub": [(cell, dense)]}})
        print(f"| {pairs:,} | {middle - start:.2f} | {time.process_time() - middle:.2f} |", flush=True)


def drawn(pairs: int, resamples: int) -> tuple[Joint, Values, Values]:
    """A task of so many pairs, and the values of dense and of a cell on them."""
    rng, number = np.random.default_rng(0), np.arange(pairs)
    gold = rng.uniform(0, 5, pairs)
    dense = (gold + rng.normal(size=pairs)).astype(np.float32)
    cell = (dense + 0.1 * rng.normal(size=pairs)).astype(np.float32)
    texts = np.stack([2 * number, 2 * number + 1], 1)
    panel = Panel("stub", gold, np.ones(pairs, bool), number, np.zeros(pairs, np.int32), texts)
    return Joint({"stub": Judged(panel, SPEARMAN)}, resamples, 0), dense, cell


if __name__ == "__main__":
    main()
