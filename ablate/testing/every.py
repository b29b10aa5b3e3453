"""The contracts of each kind of plug-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.plugin import Plugin
from ablate.testing.architecture_contract import architecture_contracts
from ablate.testing.contract import Contract
from ablate.testing.executor_contract import executor_contracts
from ablate.testing.granularity_contract import granularity_contracts
from ablate.testing.scorer_contract import scorer_contracts
from ablate.testing.task_contract import task_contracts

_OF: dict[str, Callable[..., tuple[Contract, ...]]] = {
    "scorer": scorer_contracts,
    "granularity": granularity_contracts,
    "task": task_contracts,
    "executor": executor_contracts,
    "architecture": architecture_contracts,
}


def contracts_of(kind: str, plugin: type[Plugin], **parameters: Any) -> tuple[Contract, ...]:
    """The contracts of a plug-in.

    Args:
        kind: one of ``ablate.plugins.KINDS``.
        parameters: as a recipe would give them; the others are the plug-in's ``quick`` ones, or have their defaults.
    """
    # A slow scorer may remove units one by one, which takes minutes for single weights.
    slow: dict[str, Any] = {"granularities": (Head(), Neuron())} if getattr(plugin, "slow", False) else {}
    return _OF[kind](plugin, **slow, **{**plugin.quick, **parameters})
