"""Turns a cell's evaluation into its outcome, and puts the new results in the store."""

from __future__ import annotations

from dataclasses import dataclass, field

from ablate.coordinator.cell_work import CellWork
from ablate.coordinator.rows import CellOutcome
from ablate.errors import REASON, PluginError, message, one_line
from ablate.executors.base import Evaluated, Failure
from ablate.plugin import Plugin
from ablate.plugins import registry
from ablate.store.store import Store
from ablate.tasks.result import Result
from ablate.timing import Timings


@dataclass
class Settler:
    """Makes the outcomes of a stage's cells.

    keep_going: whether a failure becomes a reason in a row; otherwise it is raised.
    """

    store: Store
    timings: Timings
    keep_going: bool
    _failed: dict[str, str] = field(default_factory=dict)  # result key -> why there is none

    def settle(self, work: CellWork, evaluated: Evaluated) -> CellOutcome:
        """A cell's outcome. Its new results are in the store afterwards.

        Raises:
            StoreError: the store fails.
            Exception: a failure, if ``keep_going`` is False. Then no result of the cell is stored.
        """
        self.timings.seconds["encode"] += evaluated.seconds
        self._check_weights(work, evaluated)
        # Before anything is stored, because this raises if `keep_going` is False.
        failed = {**work.failures, **evaluated.failures}
        failures = {name: self._reason(work, name, failure) for name, failure in failed.items()}
        if evaluated.results:
            with self.timings.measure("store"):
                self.store.put_results({work.keys[name]: result for name, result in evaluated.results.items()})
        if work.evaluation is not None:
            # Of tasks that failed. The others' claims have ended with their results.
            self.store.claims.release(work.keys[wanted.name] for wanted in work.evaluation.tasks)
        self._failed |= {work.keys[name]: reason for name, reason in failures.items() if name in work.keys}
        awaited = self._awaited(work)
        failures |= {name: self._failed[work.keys[name]] for name in work.awaited if name not in awaited}
        return CellOutcome(
            work.cell,
            work.key,
            work.about,
            {**work.stored, **awaited, **evaluated.results},
            failures,
            cached=work.evaluation is None and not failures,
            keys=work.keys,
        )

    def _awaited(self, work: CellWork) -> dict[str, Result]:
        """The awaited results that earlier cells have stored in the meantime, by task."""
        if not work.awaited:
            return {}
        by_key = self.store.get_results(work.keys[name] for name in work.awaited)
        return {name: by_key[work.keys[name]] for name in work.awaited if work.keys[name] in by_key}

    def _check_weights(self, work: CellWork, evaluated: Evaluated) -> None:
        weights = work.evaluation.weights if work.evaluation else None
        if weights and any(failure.culprit == "other" for failure in evaluated.failures.values()):
            # If the weights are damaged, the store deletes them when it reads them. The next run then trains again.
            self.store.get_trained(weights.key)

    def _reason(self, work: CellWork, name: str, failure: Failure) -> str:
        culprits: list[Plugin] = []
        if failure.culprit == "mask":
            culprits = list(work.cell.granularities)
        elif failure.culprit in ("task", "data") and work.evaluation:
            culprits = [wanted.task for wanted in work.evaluation.tasks if wanted.name == name]
        return reason(failure.error or PluginError(failure.reason), self.keep_going, *culprits)


def reason(error: BaseException, keep_going: bool, *culprits: Plugin) -> str:
    """What a row says about an error, in at most 500 characters. If ``keep_going`` is False, the error is raised.

    Args:
        culprits: the plug-ins that may have caused it. The text names the packages of those that are not built in.
    """
    blame = registry().blame(*culprits)
    said = message if isinstance(error, PluginError) else one_line
    text = said(error, REASON - len(blame)) + blame
    if keep_going:
        return text
    # As it is, an exception of the last kind would end the command without a word.
    if isinstance(error, PluginError) or not isinstance(error, Exception):
        raise PluginError(text) from error
    if blame:
        error.add_note(blame.strip())
    raise error
