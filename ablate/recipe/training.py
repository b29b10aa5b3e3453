"""What a recipe says of ``ablate train``. Imports neither torch nor transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ablate.recipe.values import Count, Seed, distinct, wrong

Way = Literal["prune-then-train", "gradual", "train-then-prune", "rewind"]
WAYS: tuple[Way, ...] = ("prune-then-train", "gradual", "train-then-prune", "rewind")

Positive = Annotated[int, Field(ge=1, strict=True)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


class Gradual(BaseModel):
    """How ``gradual`` prunes: after each of ``prunings`` equal shares of the first ``until`` of the training."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prunings: Positive = 8
    until: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.5


Ways = Annotated[list[Way], Field(min_length=1), BeforeValidator(distinct(), json_schema_input_type=list[Way])]
Seeds = Annotated[list[Seed], Field(min_length=1), BeforeValidator(distinct(), json_schema_input_type=list[Seed])]


class Train(BaseModel):
    """SimCSE's objective (Gao et al. 2021), on the weights as they came or under a mask.

    sentences: a file of unlabeled sentences, one a line; each is its own positive, under another dropout mask.
    pairs: a file of pairs: TSV of two columns (a sentence, its positive) or three (a hard negative beside), or JSONL
        with ``anchor``, ``positive`` and ``negative``.
    splits: without either file: the distinct sentences of these train or dev sets, as unlabeled ones.
    examples: at most so many of them, drawn by a fixed seed; all by default.
    ways: how a cell is trained. ``prune-then-train``: the mask first, then training under it. ``gradual``: the
        sparsity grows while the model trains, contributions scored anew each time. ``train-then-prune``: the trained
        model is scored and pruned. ``rewind``: its mask, on the weights as they came, trained again.
    temperature: of the softmax over cosine similarities.
    head: ``mlp``: a linear layer and tanh on top while training, as SimCSE has it, and gone afterwards.
    max_length: tokens of a text while training; evaluation has the model's own.
    batch_size: examples whose texts are each other's negatives. accumulate: batches a step, each with negatives of
        its own.
    steps: instead of ``epochs``. evaluate_every: steps between two looks at the screen tasks; the best is kept.
    warmup: steps at the start, of which the learning rate rises; it falls to 0 linearly afterwards.
    precision: ``bf16`` and ``fp16`` are mixed with float32 weights, and need a GPU.
    train_seeds: of dropout and of the order of the examples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    sentences: Path | None = None
    pairs: Path | None = None
    splits: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    examples: Annotated[int, Field(ge=2, strict=True)] | None = None
    ways: Ways = list(WAYS)
    gradual: Gradual = Gradual()
    temperature: Rate = 0.05
    head: Literal["none", "mlp"] = "none"
    max_length: Annotated[int, Field(ge=3, strict=True)] = 32
    batch_size: Annotated[int, Field(ge=2, strict=True)] = 64
    accumulate: Positive = 1
    learning_rate: Rate = 3e-5
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = 0.0
    warmup: Count = 0
    optimizer: Literal["adamw", "adafactor", "sgd"] = "adamw"
    epochs: Positive = 1
    steps: Positive | None = None
    evaluate_every: Positive = 125
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    train_seeds: Seeds = [0]

    @model_validator(mode="after")
    def _one_source(self) -> Train:
        given = [name for name in ("sentences", "pairs", "splits") if getattr(self, name) is not None]
        if len(given) > 1:
            raise wrong(f"{' and '.join(given)} are two sources of examples; give one", given[1])
        return self

    def recipe(self) -> dict[str, Any]:
        """What decides the weights, the examples and the way apart; part of every key."""
        apart = {"sentences", "pairs", "splits", "examples", "ways", "train_seeds", "gradual"}
        return self.model_dump(mode="json", exclude=apart)
