"""The name of ablate's distribution, and the command that installs its extras."""

DISTRIBUTION = "ablate-embeddings"
"""The name on the package index. There, ``ablate`` is another project."""


def pip_install(extra: str) -> str:
    """The command that installs an extra of ablate."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
