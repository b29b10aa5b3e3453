"""Writes a file of queries and positives made of MRPC's paraphrases, for a task of kind ``retrieval``.

    ABLATE_DATA=... python benchmarks/paraphrases.py FILE.tsv

A query is the first sentence of a pair that is a paraphrase, its positive the second. The corpus is all second
sentences of paraphrases, train and test. A sentence that stands in several pairs is a query once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(target: Path) -> None:
    found: dict[str, str] = {}
    for part in ("train", "test"):
        file = Path(os.environ["ABLATE_DATA"]) / "MRPC" / f"msr_paraphrase_{part}.txt"
        for line in file.read_text(encoding="utf-8-sig").splitlines()[1:]:
            label, _, _, first, second = line.split("\t")
            if label == "1" and first != second:
                found.setdefault(first, second)
    target.write_text("query\tpositive\n" + "".join(f"{q}\t{p}\n" for q, p in found.items()), encoding="utf-8")
    print(f"{len(found):,} queries")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
