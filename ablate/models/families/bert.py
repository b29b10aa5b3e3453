"""BERT, and what has its modules."""

from __future__ import annotations

from typing import ClassVar

from ablate.models.family import Family


class Bert(Family):
    name: ClassVar[str] = "bert"
    help: ClassVar[str] = "BERT: MiniLM, BGE, E5, GTE (first generation), SimCSE"

    layer: ClassVar[str] = "encoder.layer.{i}"
    query: ClassVar[str] = "attention.self.query"
    key: ClassVar[str] = "attention.self.key"
    value: ClassVar[str] = "attention.self.value"
    attention_output: ClassVar[str] = "attention.output.dense"
    ffn_in: ClassVar[tuple[str, ...]] = ("intermediate.dense",)
    ffn_out: ClassVar[str] = "output.dense"
    apart: ClassVar[bool] = True


class Electra(Bert):
    name: ClassVar[str] = "electra"
    help: ClassVar[str] = "ELECTRA's discriminator"


class Ernie(Bert):
    name: ClassVar[str] = "ernie"
    help: ClassVar[str] = "ERNIE"


class Roberta(Bert):
    name: ClassVar[str] = "roberta"
    help: ClassVar[str] = "RoBERTa: all-distilroberta, SimCSE"

    padding_offset: ClassVar[bool] = True


class XlmRoberta(Roberta):
    name: ClassVar[str] = "xlm-roberta"
    help: ClassVar[str] = "XLM-RoBERTa: BGE-M3, multilingual E5"


class Camembert(Roberta):
    name: ClassVar[str] = "camembert"
    help: ClassVar[str] = "CamemBERT"
