"""The Python code of a model card, which runs as it stands beside the exported folder."""

from __future__ import annotations

from ablate.distribution import DISTRIBUTION
from ablate.export.folder import IMPORT


def load(folder: str, plain: bool) -> tuple[str, ...]:
    """The lines that load the model as ``model``; arguments as below."""
    return (*_first(plain), f"model = SentenceTransformer({folder!r})")


def embed(folder: str, plain: bool) -> str:
    """Embeds two sentences as ``embeddings``.

    Args:
        folder: its name. plain: whether it loads without ablate.
    """
    return "\n".join(
        (
            *_first(plain),
            "",
            f"model = SentenceTransformer({folder!r})  # this folder, or its id on the Hub",
            'embeddings = model.encode(["A sentence.", "Another one."])',
        )
    )


def search(folder: str, plain: bool) -> str:
    """Finds the text that is nearest to a query, as ``nearest``."""
    return "\n".join(
        (
            *_first(plain),
            "",
            f"model = SentenceTransformer({folder!r})",
            'texts = ["A cat sleeps on the sofa.", "The train is late.", "She plays the violin."]',
            'query = model.encode_query("Somebody makes music.")',
            "similarities = model.similarity(query, model.encode_document(texts))",
            "nearest = texts[int(similarities.argmax())]",
        )
    )


def _first(plain: bool) -> tuple[str, ...]:
    # Without this import, transformers does not know the model type, and its error advises to upgrade transformers.
    needed = () if plain else (f"{IMPORT}  # registers the model's type: pip install {DISTRIBUTION}",)
    return *needed, "from sentence_transformers import SentenceTransformer"
