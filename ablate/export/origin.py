"""What the card of an exported model takes from the model that it was made of: its id, its license, its language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # its docs import it so
from yaml import YAMLError

from ablate.errors import AblateError
from ablate.models.checkpoint import MINILM_HUB_ID, find_checkpoint
from ablate.models.spec import ModelSpec

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_LICENSE = ("license", "license_name", "license_link")


@dataclass(frozen=True)
class Given:
    """What the user says of the exported model, each in place of what the original's card says; None: nothing."""

    license: str | None = None
    language: tuple[str, ...] | None = None
    base_model: str | None = None


def given_by(license_: str | None, language: str | None, base_model: str | None) -> Given:
    """What the options of ``ablate export`` say. language: codes, separated by commas.

    Raises:
        AblateError: one of them is not what the Hub takes. Which licenses and languages it knows is not checked.
    """
    languages = None if language is None else tuple(code.strip() for code in language.split(","))
    for option, values, what in (
        ("--license", [license_], "an id, such as apache-2.0"),
        ("--language", languages or (), "codes, such as en or en,de"),
    ):
        for value in values:
            if value is not None and not _ID.fullmatch(value):
                raise AblateError(f"{option} '{value}': the Hub takes {what}")
    if base_model is not None and not _is_hub_id(base_model):
        raise AblateError(f"--base-model '{base_model}': the Hub takes an id, such as ORG/NAME")
    return Given(license_, languages, base_model)


def _is_hub_id(text: str) -> bool:
    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return True


@dataclass(frozen=True)
class Origin:
    """The original model, for a card.

    name: in titles: the recipe's label of the model, else the last part of its id or folder.
    hub_id: on the Hub; None if it is not known. revision: of it, as the recipe has it.
    license: ``license``, and with it ``license_name`` and ``license_link`` where the card has them; empty if it is not
    known. language: codes; empty if they are not known.
    missing: which of these nobody has said, in words.
    """

    name: str
    hub_id: str | None = None
    revision: str | None = None
    license: Mapping[str, str] = field(default_factory=dict)
    language: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        known = {
            "the id of the original model": self.hub_id,
            "its license": self.license,
            "its language": self.language,
        }
        return tuple(what for what, value in known.items() if not value)


def origin_of(spec: ModelSpec, given: Given) -> Origin:
    """What the model's own card says, and what the user gives in its place. Nothing else is assumed."""
    folder = find_checkpoint(spec).folder
    card = _header(folder)
    hub_id = given.base_model or _hub_id(spec, folder, card)
    said = {key: card[key] for key in _LICENSE if isinstance(card.get(key), str)}
    own = {"license": given.license} if given.license else said if "license" in said else {}
    languages = card.get("language")
    found = [languages] if isinstance(languages, str) else languages if isinstance(languages, list) else []
    # YAML 1.1 reads the code of Norwegian as a truth value.
    language = given.language or tuple(one for one in found if isinstance(one, str))
    name = MINILM_HUB_ID if spec.name == "minilm" else spec.name
    title = spec.label or Path(name).name or Path(name).resolve().name  # "." has no name of its own
    return Origin(title, hub_id, spec.revision, own, language)


def _hub_id(spec: ModelSpec, folder: Path, card: Mapping[str, Any]) -> str | None:
    if spec.name == "minilm":
        return MINILM_HUB_ID
    if spec.revision is not None:
        return spec.name
    # A folder that ablate has written is made of the model that its card names.
    base = card.get("base_model")
    return base if isinstance(base, str) and _is_hub_id(base) and _by_ablate(folder) else None


def _by_ablate(folder: Path) -> bool:
    try:
        return "mask" in json.loads((folder / "ablate.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _header(folder: Path) -> dict[str, Any]:
    """The header of a folder's card; empty if there is none that can be read."""
    try:
        data: dict[str, Any] = ModelCard.load(folder / "README.md", ignore_metadata_errors=True).data.to_dict()
    except (OSError, ValueError, YAMLError):
        return {}
    return data
