"""The contract of scorers: finite contributions, which depend only on declared statistics, and an unchanged model."""

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
from ablate.scorers.base import Scorer, Work
from ablate.scorers.examples import Batches
from ablate.scorers.statistics import GradientContribution, InputNorm
from ablate.testing.contract import Contract, ContractBroken, DoesNotApply, keep_all, require
from ablate.testing.elsewhere import scores_elsewhere
from ablate.testing.plugin_contract import FAMILIES, borrowed, check_plugin
from ablate.testing.pretended import MixedDevices, on_pretended_device
from ablate.testing.samples import sample_calibration
from ablate.testing.scored import Case
from ablate.testing.state import same_bits
from ablate.testing.twins import twins

GRANULARITIES: tuple[Granularity, ...] = (Unstructured(), Head(), Neuron())

_EQUAL = 1e-3
"""How much the contributions of equal units may differ by rounding, as a share of the largest contribution."""

_ELSEWHERE = 1e-4
"""How much contributions of another process may differ, as a share of the largest. The alignment of memory can change
the last bits."""


def check_scorer(
    plugin: type[Scorer],
    families: Sequence[str] = FAMILIES,
    granularities: Sequence[Granularity] = GRANULARITIES,
    **parameters: Any,
) -> None:
    """Checks that a scorer keeps its contract, on dense models and on models under a mask.

    A scorer may refuse granularities with a PluginError, but not all of them.

    Args:
        families: the model families to check it on, from ``ablate.models.architectures.supported()``.
        parameters: as a recipe would give them. Check each set of parameters that makes the scorer compute something
            else.

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
    """The contracts that :func:`check_scorer` checks."""
    checks = _ScorerChecks(plugin, families, granularities, parameters)
    return (
        Contract("name, help, version and parameters", checks.plugin, first=True),
        Contract("statistics and flags declared", checks.declaration, first=True),
        Contract("contributions of every unit, float32 and finite", checks.contributions, first=True),
        Contract("the same from the same seed", checks.seeds),
        Contract("the same in another process", checks.elsewhere),
        Contract("the same on another device", checks.on_a_device),
        Contract("the model and random states unchanged", checks.unchanged),
        Contract("ties: equal units have equal contributions, zeros finite ones", checks.ties),
        Contract("uses the calibration set, if it says so", checks.calibration),
        Contract("several granularities scored together", checks.together),
        Contract("as many steps as its work has", checks.work),
    )


class _ScorerChecks:
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
        """A new case for each family and each granularity that the scorer accepts."""
        for family in self._families:
            for granularity in self._granularities:
                if (family, granularity) not in self._refused:
                    yield Case(self.scorer, granularity, family)

    def _cases_of_first(self) -> list[Case]:
        """A new case of the first family for each granularity that the scorer accepts."""
        family = self._families[0]
        return [Case(self.scorer, g, family) for g in self._granularities if (family, g) not in self._refused]

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
            f"{who}: statistics() declares others each time, so they cannot be shared",
        )
        named = scorer.tasks()
        require(
            isinstance(named, tuple) and all(isinstance(name, str) for name in named),
            f"{who}: tasks() is not a tuple of names: {named!r}",
        )
        require(scorer.slow or not named, f"{who}: names tasks, which only a scorer with slow = True gets")
        batches = scorer.batches
        require(
            isinstance(batches, tuple) and all(isinstance(one, Batches) for one in batches),
            f"{who}: batches is not a tuple of Batches: {batches!r}",
        )
        require(
            {one.over for one in batches} <= set(scorer.examples),
            f"{who}: takes batches of a part of the calibration set that `examples` does not name",
        )
        require(type(scorer.trains) is int and scorer.trains >= 0, f"{who}: trains is not a number of updates")
        members = scorer.members()
        require(
            isinstance(members, tuple) and all(type(one) is type(scorer) and not one.members() for one in members),
            f"{who}: members() is not a tuple of scorers of its own class without members: {members!r}",
        )
        require(scorer.slow or not scorer.targeted, f"{who}: is targeted, which only a scorer with slow = True may be")
        for flag in ("seeded", "slow", "signed", "calibrates", "joint", "targeted"):
            require(isinstance(getattr(scorer, flag), bool), f"{who}: {flag} is not a bool")

    def contributions(self) -> None:
        for family in self._families:
            accepted = [g for g in self._granularities if (family, g) not in self._refused]
            require(bool(accepted), f"scorer '{self.scorer.name}' refuses every granularity on tiny {family}")

    def seeds(self) -> None:
        for case in self._cases():
            first = case.scores()
            # With another global seed, so that a scorer that draws from the global generator is found.
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
        cases = self._cases_of_first()
        elsewhere = scores_elsewhere(self.scorer, self._families[0], [case.granularity for case in cases])
        for case, there in zip(cases, elsewhere, strict=True):
            here = case.scores()
            require(
                there is not None and bool(((here - there).abs() <= _ELSEWHERE * here.abs().max()).all()),
                f"{case.who}: a fresh process gives other contributions; do they depend on the order of a set, or on a "
                "hash?",
            )

    def on_a_device(self) -> None:
        for case in self._cases_of_first():
            here = case.scores()
            try:
                with on_pretended_device(case.model):
                    there = case.scores().cpu()
            except MixedDevices as error:
                raise ContractBroken(f"{case.who}: would fail on a GPU: {error}") from error
            require(
                bool(((here - there).abs() <= _ELSEWHERE * here.abs().max()).all()),
                f"{case.who}: gives other contributions on another device",
            )

    def unchanged(self) -> None:
        for case in self._cases():
            with borrowed(case.model, case.who):
                case.scores()

    def ties(self) -> None:
        for case in self._cases():
            if not self.scorer.seeded and isinstance(case.granularity, ColumnGranularity):
                first, second = twins(case.model, case.granularity)
                scores = case.scores()
                require(
                    float((scores[first] - scores[second]).abs()) <= _EQUAL * float(scores.abs().max()),
                    f"{case.who}: units {first} and {second} are the same, but get {scores[first]:.6g} and "
                    f"{scores[second]:.6g}; do not break ties, a seed decides them",
                )
            # A scorer that divides by the largest weight or by a norm gives NaN here.
            for name in case.granularity.carriers(case.model):
                case.model.weight(name).data.zero_()
            case.who += ", with all weights of its units zero"
            case.scores()

    def calibration(self) -> None:
        scorer = self.scorer
        if scorer.calibrates and scorer.tasks():
            raise DoesNotApply("it uses tasks")
        for case in self._cases():
            first = case.scores()
            # A set of the same size with other sentences.
            differs = not same_bits(case.scores(calibration=sample_calibration(seed=1)), first)
            if scorer.calibrates:
                require(
                    differs,
                    f"{case.who}: another calibration set gives the same contributions; declare no statistics, or use "
                    "them",
                )
            else:
                require(not differs, f"{case.who}: uses the calibration set, but `calibrates` is False")

    def together(self) -> None:
        family = self._families[0]
        accepted = [g for g in self._granularities if (family, g) not in self._refused]
        if len(accepted) < 2:
            raise DoesNotApply("it accepts only one granularity")
        for granularity, other in zip(accepted, [*accepted[1:], accepted[0]], strict=True):
            case = Case(self.scorer, granularity, family)
            scores = case.scores_with(other)
            require(
                self.scorer.joint or same_bits(scores, case.scores()),
                f"{case.who}: gives other contributions when {other.name} is scored with it, but `joint` is False",
            )

    def work(self) -> None:
        for case in self._cases_of_first():
            work = self.scorer.work(len(case.layers), int(case.layers[-1]) + 1)
            if work is None:
                raise DoesNotApply("it does not say what its work is")
            require(
                isinstance(work, Work) and work.steps > 0 and work.encodings > 0,
                f"{case.who}: work() is not a Work of at least one step and more than 0 encodings: {work!r}",
            )
            told = case.steps()
            require(told == work.steps, f"{case.who}: work() has {work.steps} steps, and it tells of {told}")
