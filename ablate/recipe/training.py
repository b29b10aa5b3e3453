"""The keys of a recipe for ``ablate train``. Imports neither torch nor transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ablate.files import expanded
from ablate.recipe.values import Amount, Count, Seed, distinct, wrong

Way = Literal["prune-then-train", "gradual", "train-then-prune", "rewind"]
WAYS: tuple[Way, ...] = ("prune-then-train", "gradual", "train-then-prune", "rewind")

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


class Gradual(BaseModel):
    """How the way ``gradual`` prunes.

    prunings: how many times, at equal distances.
    until: the last pruning is after this fraction of the training, in (0, 1].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    prunings: Amount = 8
    until: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.5


Ways = Annotated[list[Way], Field(min_length=1), BeforeValidator(distinct(), json_schema_input_type=list[Way])]
Seeds = Annotated[list[Seed], Field(min_length=1), BeforeValidator(distinct(), json_schema_input_type=list[Seed])]


class Train(BaseModel):
    """Training by the objective of SimCSE (Gao et al. 2021), of the dense model and under masks.

    sentences: a file of unlabeled sentences, one a line. The positive of a sentence is the sentence itself under
        another dropout mask.
    pairs: a file of positive pairs: TSV of two columns (a sentence, its positive) or three (also a hard negative), or
        JSONL with ``anchor``, ``positive`` and ``negative``.
    splits: if neither file is given, the distinct sentences of these train or dev sets, used as unlabeled sentences.
    examples: use at most this many examples, drawn with a fixed seed; all by default.
    ways: how a cell is trained. ``prune-then-train``: the model is pruned, then trained under the mask. ``gradual``:
        the sparsity grows during the training, each time by newly computed contributions. ``train-then-prune``: the
        dense model is trained, then pruned. ``rewind``: as ``train-then-prune``; then the original weights are trained
        under the mask that was found.
    gradual: the schedule of ``gradual``.
    temperature: of the softmax over cosine similarities.
    head: ``mlp`` adds SimCSE's linear layer and tanh during training; it is removed afterwards.
    max_length: tokens of a text during training. Evaluation uses the model's own maximum.
    batch_size: examples in a batch; the other texts of the batch are the negatives of an example.
    accumulate: batches in an optimizer step. Each batch has its own negatives.
    steps: optimizer steps, in place of ``epochs``.
    evaluate_every: steps between two evaluations on the screen tasks. The best checkpoint is kept.
    warmup: steps at the start during which the learning rate increases linearly. Then it decreases linearly to 0.
    precision: ``bf16`` and ``fp16`` are mixed precision with float32 weights, and need a GPU.
    train_seeds: the seeds of dropout and of the order of the examples. Each cell is trained once with each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    sentences: Annotated[Path, AfterValidator(expanded)] | None = None
    pairs: Annotated[Path, AfterValidator(expanded)] | None = None
    splits: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    examples: Annotated[int, Field(ge=2, le=10_000_000, strict=True)] | None = None
    ways: Ways = list(WAYS)
    gradual: Gradual = Gradual()
    temperature: Rate = 0.05
    head: Literal["none", "mlp"] = "none"
    max_length: Annotated[int, Field(ge=3, le=1_000_000, strict=True)] = 32
    batch_size: Annotated[int, Field(ge=2, le=10_000_000, strict=True)] = 64
    accumulate: Amount = 1
    learning_rate: Rate = 3e-5
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = 0.0
    warmup: Count = 0
    optimizer: Literal["adamw", "adafactor", "sgd"] = "adamw"
    epochs: Amount = 1
    steps: Amount | None = None
    evaluate_every: Amount = 125
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    train_seeds: Seeds = [0]

    @model_validator(mode="after")
    def _one_source(self) -> Train:
        given = [name for name in ("sentences", "pairs", "splits") if getattr(self, name) is not None]
        if len(given) > 1:
            raise wrong(f"{' and '.join(given)} are two sources of examples; give one", given[1])
        return self

    def recipe(self) -> dict[str, Any]:
        """The settings that determine trained weights, except examples, way, schedule and seed. Part of every key."""
        excluded = {"sentences", "pairs", "splits", "examples", "ways", "train_seeds", "gradual"}
        return self.model_dump(mode="json", exclude=excluded)
