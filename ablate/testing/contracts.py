"""The contract of each kind of plug-in, as tests to run on your own.

    from ablate.testing.contracts import check_scorer
    from ablate_wanda import Wanda

    def test_wanda_keeps_the_contract() -> None:
        check_scorer(Wanda, sentences=8)

Each function returns in silence, or raises :class:`ContractBroken` (an ``AssertionError``) that says in one line
what was expected and what was found. They run on tiny models with random weights, in seconds, with no network.
ablate runs them on everything that it has built in.
"""

from ablate.testing.contract import ContractBroken
from ablate.testing.executor_contract import check_executor
from ablate.testing.granularity_contract import check_granularity
from ablate.testing.plugin_contract import FAMILIES, check_plugin
from ablate.testing.scorer_contract import check_scorer
from ablate.testing.task_contract import check_task

__all__ = [
    "FAMILIES",
    "ContractBroken",
    "check_executor",
    "check_granularity",
    "check_plugin",
    "check_scorer",
    "check_task",
]
