"""Reads training texts: single sentences, or pairs with or without a hard negative."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ablate.data.items import PairKey, Source, compared_pairs
from ablate.data.lines import read_lines, refuse_numbers, sentence
from ablate.data.sources import expand
from ablate.errors import DataError
from ablate.recipe.training import Train

DEFAULT_SPLITS = ("sts-train",)
DRAW_SEED = 0
COLUMNS = ("anchor", "positive", "negative")
"""The keys of a JSONL file, in the order of a TSV file's columns."""

Example = tuple[str, ...]


@dataclass(frozen=True)
class Texts:
    """Training examples of one text (unsupervised), two (a positive pair) or three (a positive pair, a hard negative).

    label: the file or the data sets that they come from. seen: the pairs that training has looked at.
    """

    examples: tuple[Example, ...]
    label: str
    seen: frozenset[PairKey]

    @property
    def supervised(self) -> bool:
        return len(self.examples[0]) > 1

    @cached_property
    def hash(self) -> str:
        """sha256 of the examples, in their order."""
        return hashlib.sha256(json.dumps(self.examples).encode()).hexdigest()


def read_texts(spec: Train, source: Source) -> Texts:
    """The examples that a recipe asks for.

    Raises:
        DataError: a file is absent, not UTF-8, malformed, or has an empty line; there are fewer than two examples; or
            the source lacks a split.
    """
    if spec.pairs is not None:
        read = read_json_lines if spec.pairs.suffix in (".jsonl", ".json") else read_columns
        pairs = read(spec.pairs)
        refuse_numbers(pairs, spec.pairs)
        drawn = _draw(pairs, spec, str(spec.pairs))
        seen = frozenset(pair for example in drawn for pair in compared_pairs(example))
        return Texts(drawn, str(spec.pairs), seen)
    if spec.sentences is not None:
        lines = read_lines(spec.sentences)
        singles = [(sentence(line, f"{spec.sentences}:{number}"),) for number, line in enumerate(lines, 1)]
        # No pair counts as seen, because the file does not say which pairs its sentences are from.
        return Texts(_draw(singles, spec, str(spec.sentences)), str(spec.sentences), frozenset())
    names = expand(spec.splits or DEFAULT_SPLITS, source)
    item_sets = [source.load(name) for name in names]
    distinct = dict.fromkeys(s for items in item_sets for s in items.sentences)
    drawn = _draw([(s,) for s in distinct], spec, ", ".join(names))
    seen = frozenset[PairKey]().union(*(items.pairs_seen([s for (s,) in drawn]) for items in item_sets))
    return Texts(drawn, ", ".join(names), seen)


def read_columns(path: Path) -> list[Example]:
    """Reads a TSV file of pairs, or of pairs and hard negatives: two or three columns, the same in every line.

    Raises:
        DataError: a line is malformed. The message names it.
    """
    examples: list[Example] = []
    for number, line in enumerate(read_lines(path), 1):
        columns = line.split("\t")
        place = f"{path}:{number}"
        if len(columns) not in (2, 3) or (examples and len(columns) != len(examples[0])):
            expected = len(examples[0]) if examples else "2 (a sentence and its positive) or 3 (also a hard negative)"
            raise DataError(f"{place}: {len(columns)} tab-separated columns, expected {expected}; correct the line")
        examples.append(tuple(sentence(text, place) for text in columns))
    return examples


def read_json_lines(path: Path) -> list[Example]:
    """Reads a JSONL file: objects with ``anchor``, ``positive`` and, in all of them or in none, ``negative``.

    Raises:
        DataError: a line is malformed. The message names it.
    """
    examples: list[Example] = []
    for number, line in enumerate(read_lines(path), 1):
        place = f"{path}:{number}"
        try:
            item = json.loads(line)
        except ValueError as error:
            raise DataError(f"{place}: not JSON ({error}); correct the line") from None
        # The first line decides whether there are hard negatives.
        count = len(examples[0]) if examples else 3 if isinstance(item, dict) and len(item) > 2 else 2
        names = COLUMNS[:count]
        if not isinstance(item, dict) or sorted(item) != sorted(names):
            raise DataError(f"{place}: expected an object with {', '.join(names)} and nothing else; correct the line")
        texts = [item[name] for name in names]
        if not all(isinstance(text, str) for text in texts):
            raise DataError(f"{place}: {', '.join(names)} must be texts; correct the line")
        examples.append(tuple(sentence(text, place) for text in texts))
    return examples


def _draw(examples: Sequence[Example], spec: Train, place: str) -> tuple[Example, ...]:
    """The distinct examples in a random order, and of these the first ones that the recipe asks for."""
    distinct = list(dict.fromkeys(examples))
    # Shuffled before the cut, so that a smaller number of examples is a part of a larger one.
    random.Random(DRAW_SEED).shuffle(distinct)
    drawn = tuple(distinct[: spec.examples])
    if len(drawn) < 2:
        raise DataError(
            f"{place}: {len(drawn)} distinct example, and training needs 2, since other examples are the negatives"
        )
    if spec.batch_size > len(drawn):
        # Other examples of the batch are the negatives, so that a smaller batch would be another loss.
        raise DataError(
            f"{place}: {len(drawn)} distinct examples, and train.batch_size asks for {spec.batch_size} in a batch; "
            f"lower it to at most {len(drawn)}, or train on more"
        )
    return drawn
