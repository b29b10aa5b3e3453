"""Encoders with rotary positions and the module names of Llama: NomicBERT, GTE and Jina v3."""

from __future__ import annotations

from typing import ClassVar

from ablate.models.families.llama import Rotary


class NomicBert(Rotary):
    """Each head has its own key and value."""

    name: ClassVar[str] = "nomic_bert"
    help: ClassVar[str] = "NomicBERT: nomic-embed-text, as transformers itself has it"


class Gte(NomicBert):
    name: ClassVar[str] = "gte"
    help: ClassVar[str] = "GTE v1.5 and multilingual, as transformers itself has it"


class JinaV3(NomicBert):
    name: ClassVar[str] = "jina_embeddings_v3"
    help: ClassVar[str] = "Jina v3, as transformers itself has it"

    ffn_in: ClassVar[tuple[str, ...]] = ("mlp.fc1",)
    ffn_out: ClassVar[str] = "mlp.fc2"
