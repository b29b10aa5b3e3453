"""Contract tests, tiny models and samples, for the tests of plug-ins and for ablate's own tests.

    from ablate.testing import check_scorer
    from ablate_wanda import Wanda

    def test_wanda_keeps_the_contract() -> None:
        check_scorer(Wanda)

Each of the ``check_`` functions runs the contract of a kind of plug-in on tiny models with random weights, in seconds
and without a network. It returns None, or raises :class:`ContractBroken` (an ``AssertionError``), which says in one
line what is wrong.

The names are public, like those of :mod:`ablate.plugin_api`. Each is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ablate.engine.collect import collect
    from ablate.testing.architecture_contract import check_architecture
    from ablate.testing.contract import ContractBroken
    from ablate.testing.executor_contract import check_executor
    from ablate.testing.granularity_contract import check_granularity
    from ablate.testing.plugin_contract import FAMILIES
    from ablate.testing.samples import SampleSource, sample_calibration, sample_sentences
    from ablate.testing.scored import contributions
    from ablate.testing.scorer_contract import check_scorer
    from ablate.testing.state import State, same_bits
    from ablate.testing.task_contract import check_task
    from ablate.testing.tiny import tiny_model

__all__ = [
    "FAMILIES",
    "ContractBroken",
    "SampleSource",
    "State",
    "check_architecture",
    "check_executor",
    "check_granularity",
    "check_scorer",
    "check_task",
    "collect",
    "contributions",
    "same_bits",
    "sample_calibration",
    "sample_sentences",
    "tiny_model",
]

_HOMES = {
    "FAMILIES": "ablate.testing.plugin_contract",
    "ContractBroken": "ablate.testing.contract",
    "SampleSource": "ablate.testing.samples",
    "State": "ablate.testing.state",
    "check_architecture": "ablate.testing.architecture_contract",
    "check_executor": "ablate.testing.executor_contract",
    "check_granularity": "ablate.testing.granularity_contract",
    "check_scorer": "ablate.testing.scorer_contract",
    "check_task": "ablate.testing.task_contract",
    "collect": "ablate.engine.collect",
    "contributions": "ablate.testing.scored",
    "same_bits": "ablate.testing.state",
    "sample_calibration": "ablate.testing.samples",
    "sample_sentences": "ablate.testing.samples",
    "tiny_model": "ablate.testing.tiny",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ablate.testing' has no attribute '{name}'")
    # Kept as a global, so that Python does not call this function for the name again.
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
