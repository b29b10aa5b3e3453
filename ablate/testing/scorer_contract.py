"""What a scorer owes: finite contributions, a function of what it declared, and a model that is as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch

from ablate.errors import PluginError
from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.plugins import registry
from ablate.scorers.base import Scorer
from ablate.scorers.statistics import GradientContribution, InputNorm
from ablate.testing.contract import Contract, DoesNotApply, keep_all, require
from ablate.testing.elsewhere import scores_elsewhere
from ablate.testing.plugin_contract import FAMILIES, borrowed, check_plugin
from ablate.testing.samples import sample_calibration
from ablate.testing.scored import Case
from ablate.testing.state import same_bits
from ablate.testing.twins import twins

GRANULARITIES: tuple[Granularity, ...] = (Unstructured(), Head(), Neuron())

_EQUAL = 1e-3
"""Of the largest contribution: how far those of units that are the same may be apart, by rounding alone."""

_ELSEWHERE = 1e-4
"""Of the largest contribution: how far those of another process may be off. Bits may differ where memory lies askew."""


def check_scorer(
    plugin: type[Scorer],
    families: Sequence[str] = FAMILIES,
    granularities: Sequence[Granularity] = GRANULARITIES,
    **parameters: Any,
) -> None:
    """Checks that a scorer keeps its contract, on dense models and on models under a mask.

    A scorer may refuse a granularity with a PluginError, as long as it takes one.

    Args:
        families: the model families to check it on, of ``ablate.models.architectures.SUPPORTED``.
        parameters: as a recipe would give them; call it once for each choice that makes another scorer of it.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    keep_all(scorer_contracts(plugin, families, granularities, **parameters))


def scorer_contracts(
    plugin: type[Scorer],
    families: Sequence[str] = FAMILIES,
    granularities: Sequence[Granularity] = GRANULARITIES,
    **parameters: Any,
) -> tuple[Contract, ...]:
    """All that :func:`check_scorer` checks, one by one."""
    checks = _Checks(plugin, families, granularities, parameters)
    return (
        Contract("name, help, version and parameters", checks.plugin, first=True),
        Contract("statistics and flags declared", checks.declaration, first=True),
        Contract("contributions of every unit, float32 and finite", checks.contributions, first=True),
        Contract("the same from the same seed", checks.seeds),
        Contract("the same in another process", checks.elsewhere),
        Contract("the model and random states untouched", checks.untouched),
        Contract("ties: equal units are equal, zeros are finite", checks.ties),
        Contract("looks at the calibration set that it is given", checks.calibration),
        Contract("several granularities scored together", checks.together),
    )


class _Checks:
    def __init__(
        self,
        plugin: type[Scorer],
        families: Sequence[str],
        granularities: Sequence[Granularity],
        parameters: dict[str, Any],
    ) -> None:
        self._plugin, self._parameters = plugin, parameters
        self._families, self._granularities = families, granularities

    @cached_property
    def scorer(self) -> Scorer:
        return check_plugin(self._plugin, Scorer, **self._parameters).resolved(registry().scorer)

    def plugin(self) -> None:
        self.scorer.identity()

    def _cases(self) -> Iterator[Case]:
        """A fresh one for each family and each granularity that the scorer takes."""
        for family in self._families:
            for granularity in self._granularities:
                if (family, granularity) not in self._refused:
                    yield Case(self.scorer, granularity, family)

    @cached_property
    def _refused(self) -> set[tuple[str, Granularity]]:
        refused = set()
        for family in self._families:
            for granularity in self._granularities:
                case = Case(self.scorer, granularity, family)
                try:
                    case.scores()
                    case.scores(kept=torch.arange(len(case.layers)) % 2 == 0)
                except PluginError:
                    refused.add((family, granularity))
        return refused

    def declaration(self) -> None:
        scorer = self.scorer
        who, declared = f"scorer '{scorer.name}'", scorer.statistics()
        given = check_plugin(self._plugin, Scorer, **self._parameters)
        require(
            scorer.identity() == given.identity(),
            f"{who}: resolved() changes its parameters, which are part of the keys; keep objects in private fields",
        )
        require(
            isinstance(declared, tuple) and all(isinstance(s, GradientContribution | InputNorm) for s in declared),
            f"{who}: statistics() is not a tuple of statistics: {declared!r}",
        )
        require(
            declared == scorer.statistics(),
            f"{who}: statistics() declares others each time, so that nothing could be shared",
        )
        named = scorer.tasks()
        require(
            isinstance(named, tuple) and all(isinstance(name, str) for name in named),
            f"{who}: tasks() is not a tuple of names: {named!r}",
        )
        require(scorer.slow or not named, f"{who}: names tasks, which only a scorer with slow = True is given")
        for flag in ("seeded", "slow", "signed", "calibrates", "joint"):
            require(isinstance(getattr(scorer, flag), bool), f"{who}: {flag} is no bool")

    def contributions(self) -> None:
        for family in self._families:
            taken = {g for g in self._granularities if (family, g) not in self._refused}
            require(bool(taken), f"scorer '{self.scorer.name}' refuses every granularity on tiny {family}")

    def seeds(self) -> None:
        for case in self._cases():
            first = case.scores()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                require(
                    same_bits(case.scores(), first),
                    f"{case.who}: the same seed gives other contributions the second time",
                )
            differs = not same_bits(case.scores(seed=1), first)
            if self.scorer.seeded:
                require(differs, f"{case.who}: seeded = True, but seeds 0 and 1 give the same contributions")
            else:
                require(not differs, f"{case.who}: contributions depend on the seed, but seeded = False")

    def elsewhere(self) -> None:
        family = self._families[0]
        cases = [Case(self.scorer, g, family) for g in self._granularities if (family, g) not in self._refused]
        found = scores_elsewhere(self.scorer, family, [case.granularity for case in cases])
        for case, there in zip(cases, found, strict=True):
            here = case.scores()
            require(
                there is not None and bool(((here - there).abs() <= _ELSEWHERE * here.abs().max()).all()),
                f"{case.who}: a fresh process gives other contributions; is there an order of a set, or a hash?",
            )

    def untouched(self) -> None:
        for case in self._cases():
            with borrowed(case.model, case.who):
                case.scores()

    def ties(self) -> None:
        for case in self._cases():
            if not self.scorer.seeded and isinstance(case.granularity, ColumnGranularity):
                first, second = twins(case.model, case.granularity)
                found = case.scores()
                require(
                    float((found[first] - found[second]).abs()) <= _EQUAL * float(found.abs().max()),
                    f"{case.who}: units {first} and {second} are the same, and get {found[first]:.6g} and "
                    f"{found[second]:.6g}; leave ties, which a seed decides",
                )
            for name in case.granularity.carriers(case.model):
                case.model.weight(name).data.zero_()
            case.who += ", all weights of its units being zero"
            case.scores()

    def calibration(self) -> None:
        scorer = self.scorer
        if scorer.calibrates and scorer.tasks():
            raise DoesNotApply("it looks at tasks")
        for case in self._cases():
            first = case.scores()
            # Other sentences, and as many of them.
            differs = not same_bits(case.scores(calibration=sample_calibration(seed=1)), first)
            if scorer.calibrates:
                require(
                    differs, f"{case.who}: another calibration set gives the same; declare no statistics, or use them"
                )
            else:
                require(not differs, f"{case.who}: looks at the calibration set, but `calibrates` is False")

    def together(self) -> None:
        family = self._families[0]
        taken = [g for g in self._granularities if (family, g) not in self._refused]
        if len(taken) < 2:
            raise DoesNotApply("it takes one granularity only")
        for granularity, other in zip(taken, [*taken[1:], taken[0]], strict=True):
            case = Case(self.scorer, granularity, family)
            scored = case.scores_with(other)
            require(
                self.scorer.joint or same_bits(scored, case.scores()),
                f"{case.who}: gives other contributions when {other.name} is scored with it, but `joint` is False",
            )
