"""Downloads the files of a model from the Hub, except pickled ones."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from huggingface_hub import list_repo_files, model_info, snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from ablate.errors import ModelError
from ablate.models.spec import ModelSpec

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
"""The suffixes of files of pickled weights, which are not downloaded."""

# The library raises its own HTTP errors, those of its HTTP client, which are their base, and OSError or ValueError for
# the cache, malformed names and some faults of the network.
_FAILURES: tuple[type[BaseException], ...] = (*HfHubHTTPError.__bases__, OSError, ValueError)


def newest_commit(name: str) -> str:
    """The commit that a Hub id points to now.

    Raises:
        ModelError: the Hub has no such model, or there is no network.
    """
    try:
        commit = model_info(name).sha
    except _FAILURES as error:
        raise ModelError(f"The Hub does not say its newest commit: {_first_line(error)}") from error
    if commit is None:
        raise ModelError(f"The Hub does not say its newest commit; give `{name}@REVISION`")
    return commit


def download(spec: ModelSpec, weights: bool) -> Path:
    """The local folder of a Hub id at its revision. Files that are in the cache are not downloaded again.

    Args:
        weights: download the safetensors too, not only configs and tokenizer.

    Raises:
        ModelError: the id or the revision does not exist, or there is no network.
    """
    # The card says which license and which language a model made from this one has.
    patterns = ["*.json", "*.txt", "*.model", "README.md"]
    patterns += ["*.py"] if spec.trust_remote_code else []
    patterns += ["*.safetensors"] if weights else []
    try:
        folder = snapshot_download(
            spec.name,
            revision=spec.revision,
            allow_patterns=patterns,
            # These folders hold further copies of the weights.
            ignore_patterns=["onnx/*", "openvino/*"],
        )
    except _FAILURES as error:
        raise ModelError(
            f"model '{spec.name}': cannot be fetched from the Hub at revision '{spec.revision}': {_first_line(error)} "
            "Check the name, the revision and the network, or name a local folder"
        ) from error
    return Path(folder)


def pickled_weights(spec: ModelSpec, folder: str) -> str | None:
    """The first pickled file of weights in a folder of a Hub repository; None if there is none, or the Hub is offline.

    Args:
        folder: relative to the repository; ``.`` for its root.
    """
    try:
        files = [PurePosixPath(file) for file in list_repo_files(spec.name, revision=spec.revision)]
    except _FAILURES:
        return None
    pickled = sorted(str(file) for file in files if file.suffix in PICKLED and file.parent == PurePosixPath(folder))
    return pickled[0] if pickled else None


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
