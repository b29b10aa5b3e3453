"""What ablate's own package is called, and how its extras are had."""

OURS = "ablate-embeddings"
"""The distribution: another project's is called ablate."""


def pip_install(extra: str) -> str:
    """The command that adds one of its extras."""
    return f"pip install '{OURS}[{extra}]'"
