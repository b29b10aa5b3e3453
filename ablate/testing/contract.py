"""A contract: one thing that a plug-in owes, by name, so that each can be kept or broken by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ablate.errors import FAILURES, one_line

Verdict = Literal["passed", "failed", "does not apply"]


class ContractBroken(AssertionError):
    """A plug-in does not do what the contract asks of its kind."""


class DoesNotApply(Exception):
    """A contract has nothing to ask of this plug-in. The reason is the text."""


@dataclass(frozen=True)
class Contract:
    """name: what is owed, in a few words.

    check: returns in silence, or raises :class:`ContractBroken` or :class:`DoesNotApply`.
    first: the contracts after it mean nothing where it is broken.
    """

    name: str
    check: Callable[[], None]
    first: bool = False


@dataclass(frozen=True)
class Outcome:
    """How one contract came out. reason: why it failed or does not apply, in one line; else empty."""

    contract: str
    verdict: Verdict
    reason: str = ""


def require(kept: bool, message: str) -> None:
    """
    Raises:
        ContractBroken: with ``message``, where ``kept`` is False.
    """
    if not kept:
        raise ContractBroken(message)


def keep_all(contracts: Sequence[Contract]) -> None:
    """
    Raises:
        ContractBroken: the first that is broken.
    """
    for contract in contracts:
        try:
            contract.check()
        except DoesNotApply:
            continue


def outcomes(contracts: Sequence[Contract]) -> Iterator[Outcome]:
    """How each contract comes out, one after the other, whatever the plug-in raises."""
    lost = None
    for contract in contracts:
        if lost is None:
            outcome = _outcome(contract)
        else:
            outcome = Outcome(contract.name, "does not apply", f"not reached, since '{lost}' failed")
        yield outcome
        if contract.first and outcome.verdict == "failed":
            lost = contract.name


def _outcome(contract: Contract) -> Outcome:
    try:
        contract.check()
    except DoesNotApply as reason:
        return Outcome(contract.name, "does not apply", _line(reason))
    except ContractBroken as broken:
        return Outcome(contract.name, "failed", _line(broken))
    except FAILURES as error:  # a stranger's class may raise anything, and the other contracts are still of interest
        return Outcome(contract.name, "failed", f"raises {one_line(error)}")
    return Outcome(contract.name, "passed")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
