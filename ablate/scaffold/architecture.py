"""Finds which built-in family has the modules of a family that is new to ablate, by trying each on a tiny model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from ablate.errors import AblateError, nearest
from ablate.models.families.bert import Bert, Roberta
from ablate.models.families.llama import Llama
from ablate.models.family import Family
from ablate.models.quiet import quiet
from ablate.testing.architecture_contract import WITHOUT_HEADS, architecture_contracts
from ablate.testing.contract import outcomes

_PATTERNS: tuple[type[Family], ...] = (Bert, Roberta, Llama)
_SETTINGS = (
    *("layer", "query", "key", "value", "attention_output", "ffn_in", "ffn_out"),
    *("padding_offset", "relative", "apart", "cuts_heads"),
)
_NOT_YET = "The names are those of BERT, and do not fit yet"
_GROUPED = """
    def sized(self, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        grouped = {"num_key_value_heads": max(1, heads // 2), "head_dim": width // heads}
        return {**super().sized(layers, heads, width, neurons), **grouped}
"""
"""As Llama has it."""


def architecture_texts(name: str) -> Mapping[str, str]:
    """What the templates of an architecture need besides the names of the plug-in.

    Raises:
        AblateError: transformers has no models of this type.
    """
    if name not in CONFIG_MAPPING:
        near = nearest(name, CONFIG_MAPPING.keys())
        raise AblateError(
            f"'{name}' is no `model_type` of transformers{f'; did you mean {near!r}?' if near else ''}; an "
            "architecture is named as the config.json of its models names it"
        )
    pattern, told = _fitting(name)
    lines = [_line(setting, getattr(pattern, setting)) for setting in _SETTINGS if _differs(pattern, setting)]
    if not pattern.cuts_heads:
        lines.append(
            "    # Removed heads stay as zeros, unless `after_cut` tells the attention module how many are left."
        )
    note = f"{_NOT_YET}: {told}" if told else "The names keep the contract."
    sized = _GROUPED if issubclass(pattern, Llama) else ""
    return {
        "settings": "\n".join(lines),
        "sized": sized,
        "typing": "Any, ClassVar" if sized else "ClassVar",
        "note": note,
    }


def not_yet(folder: Path) -> str:
    """What the README of a new package says of names that do not fit its models yet; empty if it says nothing."""
    _, found, rest = (folder / "README.md").read_text(encoding="utf-8").partition(_NOT_YET)
    return found + rest.split("\n")[0]


def _fitting(name: str) -> tuple[type[Family], str]:
    """The first pattern that keeps the contract. If none does, the first one, and what is wrong with it."""
    reasons = []
    for base in _PATTERNS:
        for family in (_named(base, name), _named(base, name, cuts_heads=False)):
            contract, reason = _broken(family)
            if not contract:
                return family, ""
            reasons.append(reason)
            if contract != WITHOUT_HEADS:
                break
    return _named(_PATTERNS[0], name), reasons[0]


def _named(base: Any, name: str, **settings: Any) -> type[Family]:
    members = {"__module__": __name__, "__qualname__": "Tried", "name": name, **settings}
    made: type[Family] = type(base)("Tried", (base,), members)
    return made


def _broken(family: type[Family]) -> tuple[str, str]:
    """The first contract that a family breaks, and how; two empty strings if it keeps all."""
    with quiet(), redirect_stderr(StringIO()):
        failed = (outcome for outcome in outcomes(architecture_contracts(family)) if outcome.verdict == "failed")
        first = next(failed, None)
    return (first.contract, first.reason) if first else ("", "")


def _differs(pattern: type[Family], setting: str) -> bool:
    return not hasattr(Family, setting) or getattr(Family, setting) != getattr(pattern, setting)


def _line(setting: str, value: Any) -> str:
    if isinstance(value, tuple):
        items = ", ".join(map(json.dumps, value))
        return f"    {setting}: ClassVar[tuple[str, ...]] = ({items}{',' if len(value) == 1 else ''})"
    shown = json.dumps(value) if isinstance(value, str) else value
    return f"    {setting}: ClassVar[{type(value).__name__}] = {shown}"
