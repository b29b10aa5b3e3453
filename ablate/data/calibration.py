"""The seeded sentence pairs and sentences that scorers may look at; never a test split."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ablate.data.pairs import PairSet, pair_key
from ablate.errors import DataError

Item = TypeVar("Item")

POSITIVE_ABOVE = 4.0
"""A pair is a positive when its gold score is strictly above this."""


class PositivesFile(BaseModel):
    """A user's own positive pairs: UTF-8, a pair a line, the two sentences parted by a tab."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: Path


class CalibrationSpec(BaseModel):
    """What a recipe says of calibration.

    positives: ``gold``: pairs of the train split with gold above 4; ``dropout``: each sentence with itself under
        two dropout masks, which needs no labels; or ``{file: PAIRS.tsv}``.
    pairs, sentences: how many are drawn (all, where the split has fewer).
    batch_size: pairs or sentences a batch. Uniformity couples the sentences of a batch, so it is part of the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    positives: Literal["gold", "dropout"] | PositivesFile = "gold"
    pairs: Annotated[int, Field(ge=1)] = 512
    sentences: Annotated[int, Field(ge=2)] = 1024
    batch_size: Annotated[int, Field(ge=2)] = 64
    calibration_seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Calibration:
    """The calibration set of a run, in seeded order: a scorer that wants fewer takes the first.

    pairs: positives. With ``dropout`` both members are one sentence and the model drops out.
    seen: the key of every pair that calibration has looked at: those of ``pairs``, and every pair of the split
        with a member among ``sentences``.
    """

    pairs: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    batch_size: int
    seed: int
    dropout: bool
    seen: frozenset[tuple[str, str]]

    @cached_property
    def hash(self) -> str:
        """sha256 of all that a contribution can depend on."""
        content = [
            self.pairs,
            self.sentences,
            self.batch_size,
            self.seed if self.dropout else None,
            self.dropout,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


NOTHING = Calibration((), (), 0, 0, False, frozenset())
"""The calibration set of a run whose scorers look at none."""


def calibrate(spec: CalibrationSpec, splits: Sequence[PairSet]) -> Calibration:
    """Draws the calibration set.

    Pairs and sentences are drawn apart: how many of one are asked for does not change which of the other come.

    Args:
        splits: the train split(s) of the run's data source; none are needed for a file of pairs.

    Raises:
        DataError: no positives, fewer than two sentences, or a malformed file of pairs.
    """
    if isinstance(spec.positives, PositivesFile):
        positives = everything = read_pairs(spec.positives.file)
    else:
        everything = [pair for split in splits for pair in zip(split.left, split.right, strict=True)]
        gold = [float(g) for split in splits for g in split.gold]
        positives = [pair for pair, g in zip(everything, gold, strict=True) if g > POSITIVE_ABOVE]
    distinct = dict.fromkeys(s for pair in everything for s in pair)
    dropout = spec.positives == "dropout"
    if dropout:
        positives = [(s, s) for s in distinct]
    pairs = _draw(dict.fromkeys(positives), spec.pairs, spec, "pairs")
    sentences = _draw(distinct, spec.sentences, spec, "sentences")
    if not pairs or len(sentences) < 2:
        above = f" (gold above {POSITIVE_ABOVE:g})" if spec.positives == "gold" else ""
        raise DataError(
            f"calibration found {len(positives)} positive pairs{above} and {len(sentences)} sentences, and needs at "
            "least 1 and 2; give pairs of your own with calibration.positives: {file: PAIRS.tsv}"
        )
    looked_at = {*sentences, *(s for s, _ in pairs)} if dropout else set(sentences)
    seen = {pair_key(a, b) for a, b in everything if a in looked_at or b in looked_at}
    seen |= {pair_key(a, b) for a, b in pairs}
    return Calibration(tuple(pairs), tuple(sentences), spec.batch_size, spec.calibration_seed, dropout, frozenset(seen))


def _draw(pool: Iterable[Item], count: int, spec: CalibrationSpec, what: str) -> list[Item]:
    # A generator for each pool, so that asking for more pairs does not change which sentences are drawn.
    shuffled = sorted(pool, key=str)
    random.Random(f"{what} {spec.calibration_seed}").shuffle(shuffled)
    return shuffled[:count]


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Reads a user's own positive pairs.

    Raises:
        DataError: the file is absent, not UTF-8, empty, or a line has not two columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file of positive pairs; check calibration.positives.file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    pairs = []
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 2 or not all(c.strip() for c in columns):
            raise DataError(f"{path}:{number}: {len(columns)} columns; a pair is two sentences parted by one tab")
        pairs.append((columns[0], columns[1]))
    return pairs
