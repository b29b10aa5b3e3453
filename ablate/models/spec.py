"""The ``model`` section of a recipe, and the precisions of evaluation. Imports neither torch nor transformers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

Pooling = Literal["mean", "cls", "cls_before_pooler", "max", "lasttoken", "weightedmean", "avg_first_last", "avg_top2"]
LABEL = 40
"""The most characters of a label, because labels are headings, and of a lineage."""
Precision = Literal["float32", "bf16", "fp16"]


class ModelSpec(BaseModel):
    """Which model to load, and how to use it.

    name: ``minilm`` (embedded), a local folder, or a Hub id.
    label: what tables, figures and ``--model`` call it; by default the name, of a folder its last part.
    lineage: what the model descends from, such as the model that it was fine-tuned from. Models of one lineage count
        once where a run says on how many models something holds. By default each model has its own.
    revision: commit, tag or branch. Required for a Hub id, because otherwise results could not be reproduced.
    pooling: ``mean`` over tokens, ``cls`` (the first token through the trained pooler, as SimCSE names it),
        ``cls_before_pooler`` (the first token), ``max`` over tokens, ``lasttoken``, ``weightedmean`` (the n-th token
        weighs n), ``avg_first_last`` or ``avg_top2`` (SimCSE's: the mean over tokens of two layers' average). By
        default the model's own modules decide.
    prompt: text before each sentence; may be empty. By default the model's own default prompt, and for queries and
        documents those that it has for them.
    prompt_name: the name of one of the model's own prompts, in place of ``prompt``.
    max_length: tokens, special ones included; by default the model's own.
    trust_remote_code: run the Python code that comes with the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    label: str | None = None
    lineage: str | None = None
    revision: Annotated[str, Field(min_length=1)] | None = None
    pooling: Pooling | None = None
    prompt: str | None = None
    prompt_name: Annotated[str, Field(min_length=1)] | None = None
    max_length: Annotated[int, Field(ge=3, le=1_000_000, strict=True)] | None = None
    trust_remote_code: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _names_for_tables(self) -> ModelSpec:
        for kind, name in (("label", self.label), ("lineage", self.lineage)):
            if name is not None and not (name.strip() and name.isprintable() and len(name) <= LABEL):
                raise ValueError(f"a {kind} is 1 to {LABEL} printable characters; choose another")
        return self

    @model_validator(mode="after")
    def _one_prompt(self) -> ModelSpec:
        if self.prompt is not None and self.prompt_name is not None:
            raise ValueError("give `prompt` or `prompt_name`, not both")
        return self

    @model_serializer(mode="wrap")
    def _as_before_such_keys(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Without them, a spec is recorded as by an ablate that had no such keys: runs of both are of one recipe.
        later = ("prompt", "prompt_name", "label", "lineage")
        return {name: value for name, value in plain(self).items() if name not in later or value is not None}
