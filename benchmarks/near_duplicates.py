"""Near-duplicates of STS-B in the seven STS test sets, and how long a search in many texts takes.

    ABLATE_DATA=DIR python benchmarks/near_duplicates.py [--texts 100000]

Prints a Markdown table: of each test set the items that equal a pair of STS-B dev or train, and those that are near to
one but not equal, at several similarities. Then the seconds of a search among random texts of words of these sets, half
of which have a near-duplicate.
"""

from __future__ import annotations

import argparse
import os
import random
import time

from ablate.data.items import normalize
from ablate.data.names import GROUPS
from ablate.data.near import near_pairs, near_texts
from ablate.data.sources import resolve

SIMILARITIES = (0.8, 0.7, 0.6)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=100_000)
    count = parser.parse_args().texts
    source = resolve("senteval", os.environ).source
    tests = [source.load(name) for name in GROUPS["sts"]]
    seen = {name: source.load(name).pairs_seen() for name in ("stsb-dev", "stsb-train")}
    heads = [f"{name} {what}" for name in seen for what in ("equal", *(f"≥ {s:g}" for s in SIMILARITIES))]
    print("| test set | items | " + " | ".join(heads) + " |")
    print("|---|" + "---|" * (1 + len(heads)))
    for data in tests:
        cells = [f"{len(data):,}"]
        for pairs in seen.values():
            new = data.unseen(pairs)
            cells.append(f"{int((~new).sum()):,}")
            for similarity in SIMILARITIES:
                near = near_pairs(data, pairs, similarity)
                cells.append(str(sum(pair is not None for pair, is_new in zip(near, new, strict=True) if is_new)))
        print(f"| {data.name} | {' | '.join(cells)} |")

    words = [normalize(word) for data in tests for sentence in data.sentences for word in sentence.split()]
    rng = random.Random(0)
    texts = ["".join(rng.choices(words, k=rng.randint(6, 20))) for _ in range(count)]
    others = ["".join(rng.choices(words, k=rng.randint(6, 20))) for _ in range(count // 2)]
    others += [f"{text[: len(text) // 2]}x{text[len(text) // 2 :]}" for text in texts[: count // 2]]
    start = time.process_time()
    found, _ = near_texts(texts, others, SIMILARITIES[0])
    print(f"\n{count:,} texts and {count:,} others: {time.process_time() - start:.1f} s, {len(found):,} near")


if __name__ == "__main__":
    main()
