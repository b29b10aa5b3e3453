"""Kind ``classification``: a user's own texts, or pairs of texts, with classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from ablate.data.classes import ClassSet
from ablate.data.items import ItemSet, Source
from ablate.data.own import OwnFile, in_order
from ablate.data.parts import parts_of
from ablate.errors import DataError, PluginError, Undefined
from ablate.statistics.metric import Statistic
from ablate.tasks.mteb_classifier import share_right
from ablate.tasks.own.base import PERCENT, Columns, OwnTask
from ablate.tasks.probe import examples, right, senteval

_SEEDS = {"mteb": 42, "prototyping": 1111, "full": 1111}
"""MTEB's seed, and SentEval's."""


class ClassificationColumns(Columns):
    """Which column is what; those without a name are guessed. Either ``text``, or ``first`` and ``second``."""

    text: str | None = None
    first: str | None = None
    second: str | None = None
    label: str | None = None

    @model_validator(mode="after")
    def _one_or_two(self) -> ClassificationColumns:
        if self.text is not None and (self.first is not None or self.second is not None):
            raise ValueError("name text, or first and second for pairs, and not both")
        return self


class OwnClassification(OwnTask):
    """The accuracy of logistic regression on frozen embeddings, × 100.

    ``prototyping`` and ``full`` are SentEval's protocols, as of the transfer tasks; the value of an item is 1 if it is
    right, else 0. ``mteb`` is MTEB's: ten classifiers, each fitted on eight texts of each class; the value of an item
    is the share of them that get it right. The features of a text are its embedding u; those of a pair are ``|u - v|``
    and ``u * v``. Classes have numbers in the order of their names.
    """

    help: ClassVar[str] = "your own texts with classes"
    metric: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0, 100)
    per_item: ClassVar[bool] = False

    kind: Literal["classification"] = "classification"
    columns: ClassificationColumns = Field(ClassificationColumns(), exclude=True)
    train: Path | None = Field(
        None, exclude=True, description="a file to fit on; by default the rows of train of part, else folds"
    )
    dev: Path | None = Field(None, exclude=True, description="a file to choose the regularization on; none: folds")
    train_sha256: str | None = Field(None, exclude=True, description="of train; another file is refused")
    dev_sha256: str | None = Field(None, exclude=True, description="of dev; another file is refused")
    protocol: Literal["prototyping", "full", "mteb"] = Field(
        "prototyping", description="SentEval's prototyping or full, or MTEB's, which needs train"
    )
    solver: Literal["sklearn", "senteval"] | None = Field(
        None, description="of SentEval's protocols; by default sklearn, and of full senteval"
    )
    seed: int | None = Field(None, ge=0, description="of solver: senteval (1111) and of protocol: mteb (42)")
    experiments: int = Field(10, ge=1, description="of protocol: mteb, how many classifiers")
    per_class: int = Field(8, ge=1, description="of protocol: mteb, how many texts of each class each is fitted on")

    @model_validator(mode="after")
    def _fits(self) -> OwnClassification:
        mteb = self.protocol == "mteb"
        if self.dev is not None and (self.train is None or mteb):
            raise ValueError("dev chooses the regularization of a classifier that SentEval fits on train; leave it out")
        if mteb and self.train is None and self.part is None and self.file is not None:
            raise ValueError("protocol: mteb fits on a few texts of a file; give train, or part with rows of train")
        if mteb and self.solver is not None:
            raise ValueError("protocol: mteb has its own solver; leave solver out")
        if self.seed is not None and not mteb and self._solver == "sklearn":
            raise ValueError("solver sklearn uses no seed; leave it out, or take solver: senteval")
        if not mteb and (self.experiments, self.per_class) != (10, 8):
            raise ValueError("experiments and per_class are of protocol: mteb; leave them out, or take it")
        return self

    @property
    def _solver(self) -> Literal["sklearn", "senteval"]:
        # As of the transfer tasks: docs/transfer.md says why.
        return self.solver or ("senteval" if self.protocol == "full" else "sklearn")

    @property
    def _seed(self) -> int:
        return _SEEDS[self.protocol] if self.seed is None else self.seed

    def others(self) -> tuple[OwnFile, ...]:
        return tuple(self._parts().values())

    @property
    def _fits_on_part(self) -> bool:
        """Whether the classifier is fitted on the rows of train of the same file."""
        if self.train is not None or self.part is None:
            return False
        return "train" in parts_of(self.read(), self.part)

    def _parts(self) -> dict[str, OwnFile]:
        if self._fits_on_part:
            return {"train": self.of_split("train")}
        given = (("train", self.train, self.train_sha256), ("dev", self.dev, self.dev_sha256))
        return {
            name: self.unchanged(self.opened(path), sha256, f"{name}_sha256")
            for name, path, sha256 in given
            if path is not None
        }

    def load(self, source: Source) -> ItemSet:  # noqa: ARG002
        """The items with those to fit on.

        Raises:
            DataError: a file is malformed or stands for another, classes do not fit, or are too small for the folds.
        """
        file, parts = self.of_split(self.split), self._parts()
        for name, part in parts.items():
            for other in (file, *(parts[before] for before in parts if before < name)):
                if other.items.hash == part.items.hash:
                    raise DataError(f"{part.path}: {name} of task '{self.name}' has the same rows as {other.path}")
            if len(part.items.texts[0]) != len(file.items.texts[0]):
                raise DataError(f"{part.path}: has pairs and {file.path} has texts, or the reverse; name the columns")
        if self.protocol == "mteb" and not parts:
            raise DataError(f"{file.path}: no row is of train, on which protocol: mteb fits; give train, or add some")
        train = parts.get("train", file)
        for each in (file, *parts.values()):
            if unknown := [name for name in _present(each) if name not in _present(train)]:
                raise DataError(
                    f"{each.path}: no text of {train.path}, which is fitted on, is of class '{unknown[0]}'; add some, "
                    "or remove the class"
                )
        self._check_sizes(train)
        classes = in_order({name for each in (file, *parts.values()) for name in each.classes})
        judged = _numbered(file, self.name, self.split, classes)
        sets = {name: _numbered(part, f"{self.name}-{name}", name, classes) for name, part in parts.items()}
        return ClassSet(
            judged.name,
            judged.split,
            judged.source,
            judged.texts,
            judged.gold,
            judged.subsets,
            train=sets.get("train"),
            dev=sets.get("dev"),
        )

    def _check_sizes(self, train: OwnFile) -> None:
        """Refuses classes that are too small to be on both sides of all folds."""
        if self.protocol == "mteb" or self.dev is not None:
            return
        folds = 10 if self.protocol == "full" else 5
        # Without train, folds are made of what the outer folds leave, which is all but a fifth or a tenth.
        needed = folds if self.train is not None else next(n for n in range(folds, 99) if n - -(-n // folds) >= folds)
        counts = Counter(train.items.gold.astype(int).tolist())
        small = min(counts, key=lambda number: (counts[number], number))
        if counts[small] < needed:
            raise DataError(
                f"{train.path}: class '{train.classes[small]}' has {counts[small]} texts, and {folds} folds need "
                f"{needed} of each class; add some, or remove the class{'' if self.train else ', or give train'}"
            )

    def resolved(self) -> dict[str, Any]:
        paths = {"train": self.train, "dev": self.dev}
        of_parts = {
            name: {name: str(paths[name]), f"{name}_sha256": part.sha256} for name, part in self._parts().items()
        }
        return {**super().resolved(), **of_parts.get("train", {}), **of_parts.get("dev", {})}

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        if not isinstance(data, ClassSet):
            raise PluginError(f"task '{self.name}': '{data.source}' has no classes, which it needs")
        if not embeddings.isfinite().all():
            raise Undefined("the model's embeddings are not finite")
        texts = len(data.texts[0])
        if self.protocol != "mteb":
            return right(data, embeddings, texts, *senteval(self.protocol, self._solver, self._seed))
        assert data.train is not None
        rows = {sentence: i for i, sentence in enumerate(data.sentences)}
        train, judged = (examples(part, rows, embeddings, texts) for part in (data.train, data))
        return share_right(train, judged, self.experiments, self.per_class, self._seed)

    def statistic(self) -> Statistic:
        return PERCENT


def _present(file: OwnFile) -> set[str]:
    """The classes that the rows have, which may be some of the file's."""
    return {file.classes[number] for number in np.unique(file.items.gold).astype(int).tolist()}


def _numbered(file: OwnFile, name: str, split: str, classes: tuple[str, ...]) -> ItemSet:
    """The items, with the numbers that classes have among those of all files."""
    items = file.as_set(name, split)
    numbers = np.array([classes.index(each) for each in file.classes], np.float64)
    return ItemSet(name, split, items.source, items.texts, numbers[items.gold.astype(np.intp)], items.subsets)
