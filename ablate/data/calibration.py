"""The seeded sentence pairs and sentences that scorers may look at; never a test split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ablate.data.graded import GradedPair, draw_graded
from ablate.data.items import ItemSet, PairKey, Source, pair_key
from ablate.data.lines import refuse_numbers
from ablate.data.seeded import seeded_draw
from ablate.data.sources import expand
from ablate.errors import DataError
from ablate.files import expanded, require_regular

if TYPE_CHECKING:
    from torch import Tensor

POSITIVE_ABOVE = 4.0
"""A pair is a positive when its gold score is strictly above this."""


_MOST = 10_000_000
"""The most examples that a recipe may ask for."""


class PositivesFile(BaseModel):
    """A user's own positive pairs: UTF-8, one pair per line, with a tab between the two sentences."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: Annotated[Path, AfterValidator(expanded)]


class CalibrationSpec(BaseModel):
    """The ``calibration`` section of a recipe.

    positives: ``gold``: pairs of the train split with gold above 4; ``dropout``: each sentence with itself under
        two dropout masks, which needs no labels; or ``{file: PAIRS.tsv}``.
    pairs, sentences: how many are drawn; all of them if the splits have fewer.
    graded: how many pairs are drawn, whatever their gold score, for losses that use gold scores. Each split gives
        equally many, so that none outweighs another; or as many as it has in ``{stsb-train: 4096, sickr-train: 1024}``,
        which names every split. With a file of positives, only this form says where gold scores come from.
    splits: the train or dev data sets, or groups of them, to draw from.
    batch_size: pairs or sentences in a batch. Uniformity couples the sentences of a batch, so it is part of the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    positives: Literal["gold", "dropout"] | PositivesFile = "gold"
    pairs: Annotated[int, Field(ge=1, le=_MOST)] = 512
    sentences: Annotated[int, Field(ge=2, le=_MOST)] = 1024
    graded: Annotated[int, Field(ge=2, le=_MOST)] | dict[str, Annotated[int, Field(ge=2, le=_MOST)]] = 1024
    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("sts-train",)
    batch_size: Annotated[int, Field(ge=2, le=_MOST)] = 64
    calibration_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


Over = Literal["pairs", "sentences", "graded"]
"""What a loss is computed over."""

UNGRADED: tuple[Over, ...] = ("pairs", "sentences")


@dataclass(frozen=True)
class Batch:
    """A batch of examples.

    sentences: the sentences; of pairs, all left members and then all right ones.
    gold: float32 [pairs], the gold scores of graded pairs.
    """

    sentences: tuple[str, ...]
    gold: Tensor | None = None


@dataclass(frozen=True)
class Calibration:
    """The calibration set of a run, in seeded order: a scorer that needs fewer examples takes the first ones.

    pairs: the positives.
    dropout: whether both members of a pair are the same sentence, embedded under two dropout masks.
    seen: every pair that calibration has looked at: those of ``pairs`` and ``graded``, and those that are compared by
        an item of the splits that has a text among ``sentences``.
    graded: pairs with their gold score, 0 to 5. Each run of ``batch_size`` pairs is from one split, since the gold
        scores of different sets are not on one scale.
    """

    pairs: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    batch_size: int
    seed: int
    dropout: bool
    seen: frozenset[PairKey]
    graded: tuple[GradedPair, ...] = ()

    def examples(self, over: Over) -> Sequence[Any]:
        """The pairs, sentences or graded pairs."""
        return {"pairs": self.pairs, "sentences": self.sentences, "graded": self.graded}[over]

    def batches(self, over: Over, size: int | None = None, batch_size: int | None = None) -> Iterator[Batch]:
        """The first ``size`` examples in batches of equal size; a rest that does not fill a batch is left out.

        Raises:
            DataError: there are fewer examples than a batch has.
        """
        # Uniformity couples the sentences of a batch, so the loss of a smaller batch would be another quantity.
        examples, step = self.examples(over)[:size], batch_size or self.batch_size
        if len(examples) < step:
            raise DataError(
                f"calibration has {len(examples)} {over}, fewer than a batch of {step}; lower batch_size, "
                "or calibrate on more"
            )
        for start in range(0, len(examples) - step + 1, step):
            batch = examples[start : start + step]
            if over == "sentences":
                yield Batch(tuple(batch))
            elif over == "pairs":
                left, right = zip(*batch, strict=True)
                yield Batch((*left, *right))
            else:
                left, right, gold = zip(*batch, strict=True)
                import torch  # here, because recipes are read without torch

                yield Batch((*left, *right), torch.tensor(gold))

    # Two hashes, so that drawing graded pairs does not change the keys of contributions that never look at them.

    @cached_property
    def graded_hash(self) -> str:
        """sha256 of everything that a contribution to a loss over graded pairs can depend on."""
        return hashlib.sha256(json.dumps([self.graded, self.batch_size]).encode()).hexdigest()

    @cached_property
    def hash(self) -> str:
        """sha256 of everything that any other contribution can depend on."""
        content = [
            self.pairs,
            self.sentences,
            self.batch_size,
            # The drawn examples are hashed themselves. Beyond them the seed only decides the dropout masks.
            self.seed if self.dropout else None,
            self.dropout,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


NOTHING = Calibration((), (), 0, 0, False, frozenset())
"""The calibration set of a run whose scorers need none."""


def splits_of(spec: CalibrationSpec, source: Source) -> list[ItemSet]:
    """Reads the splits that a recipe draws its calibration set from.

    Raises:
        DataError: a split is malformed, or the source does not have it.
    """
    if isinstance(spec.positives, PositivesFile):
        # The file takes the place of the splits. It has no gold scores, so these need splits of their own.
        return [source.load(name) for name in spec.graded] if isinstance(spec.graded, dict) else []
    return [source.load(name) for name in expand(spec.splits, source)]


def calibrate(spec: CalibrationSpec, splits: Sequence[ItemSet], looks: Collection[Over] = UNGRADED) -> Calibration:
    """Draws the calibration set.

    Pairs, sentences and graded pairs are drawn independently: how many of one kind are asked for does not change which
    of the others are drawn.

    Args:
        splits: from :func:`splits_of`. If the pairs come from a file, only graded pairs are drawn from them.
        looks: what the scorers look at. Graded pairs are drawn only if a scorer looks at them. What no scorer looks at
            does not count as seen.

    Raises:
        DataError: there are no positives, fewer than two sentences, or no graded pairs though a scorer needs them; the
            file of pairs is malformed; or the items of a split are not pairs.
    """
    item_sets = [read_pairs(spec.positives.file)] if isinstance(spec.positives, PositivesFile) else splits
    distinct = dict.fromkeys(text for items in item_sets for texts in items.texts for text in texts)
    dropout = spec.positives == "dropout"
    positives = [(s, s) for s in distinct] if dropout else [pair for items in item_sets for pair in _positives(items)]
    seed = spec.calibration_seed
    pairs = seeded_draw(dict.fromkeys(positives), spec.pairs, seed, "pairs")
    sentences = seeded_draw(distinct, spec.sentences, seed, "sentences")
    if not pairs or len(sentences) < 2:
        above = f" (gold above {POSITIVE_ABOVE:g})" if spec.positives == "gold" else ""
        raise DataError(
            f"calibration needs 1 positive pair{above} and 2 sentences, and found {len(positives)} and "
            f"{len(sentences)}; give your own pairs with calibration.positives: {{file: PAIRS.tsv}}"
        )
    seen: set[PairKey] = set()
    if not set(UNGRADED).isdisjoint(looks):
        # With dropout the pairs are single sentences, so the items that contain them count as seen too.
        looked_at = {*sentences, *(s for s, _ in pairs)} if dropout else set(sentences)
        seen.update(pair_key(a, b) for a, b in pairs)
        seen.update(*(items.pairs_seen(looked_at) for items in item_sets))
    graded = _graded(spec, splits) if "graded" in looks else []
    seen.update(pair_key(a, b) for a, b, _ in graded)
    return Calibration(
        tuple(pairs),
        tuple(sentences),
        spec.batch_size,
        seed,
        dropout,
        frozenset(seen),
        tuple(graded),
    )


def _positives(items: ItemSet) -> list[tuple[str, str]]:
    graded = zip(items.left, items.right, items.gold, strict=True)
    return [(left, right) for left, right, gold in graded if gold > POSITIVE_ABOVE]


def _graded(spec: CalibrationSpec, splits: Sequence[ItemSet]) -> list[GradedPair]:
    if not splits:
        raise DataError(
            "a scorer needs gold scores, and calibration.positives.file has none; use `gold`, or name the splits that "
            "have them in calibration.graded"
        )
    return draw_graded(splits, spec.graded, spec.batch_size, spec.calibration_seed)


def read_pairs(path: Path) -> ItemSet:
    """Reads a user's own positive pairs, and gives them a gold score of 5.

    Raises:
        DataError: the file is absent, empty or not UTF-8, or a line does not have two columns.
    """
    try:
        require_regular(path)
        # `utf-8-sig` removes a byte-order mark, which editors on Windows may write.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file of positive pairs; check calibration.positives.file") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}: cannot be read as UTF-8 text: {reason}; name another file, or save it as UTF-8"
        ) from None
    pairs = []
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 2 or not all(column.strip() for column in columns):
            raise DataError(f"{path}:{number}: {len(columns)} columns; a pair is two tab-separated sentences")
        pairs.append((tuple(columns), 5.0, ""))
    refuse_numbers([texts for texts, *_ in pairs], path)
    return ItemSet.from_rows(path.name, "train", str(path), pairs)
