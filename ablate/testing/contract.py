"""A contract: one requirement on a plug-in, with a name, which the plug-in keeps or breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import shorten
from typing import Literal

from ablate.errors import AblateError, one_line
from ablate.interrupts import any_failure

_LONGEST = 400
"""Characters of an exception. torch lists all weights that do not fit."""

ContractState = Literal["passed", "failed", "does not apply"]


class ContractBroken(AssertionError):
    """A plug-in breaks a contract of its kind. The text says how, in one line."""


class DoesNotApply(Exception):
    """A contract does not apply to a plug-in. The text is the reason."""


@dataclass(frozen=True)
class Contract:
    """A requirement on a plug-in.

    name: what is required, in a few words.
    check: returns None, or raises :class:`ContractBroken` or :class:`DoesNotApply`.
    first: whether the contracts after it cannot be checked if it is broken.
    """

    name: str
    check: Callable[[], None]
    first: bool = False


@dataclass(frozen=True)
class ContractOutcome:
    """The outcome of one contract. reason: why it failed or does not apply, in one line; else empty."""

    contract: str
    verdict: ContractState
    reason: str = ""


def require(condition: bool, message: str) -> None:
    """Checks a condition. Unlike ``assert``, it also does so if Python runs with ``-O``.

    Raises:
        ContractBroken: the condition is False. The text is ``message``.
    """
    if not condition:
        raise ContractBroken(message)


@contextmanager
def told(message: str, remedy: str) -> Iterator[None]:
    """Turns any exception of the code in its block into a broken contract.

    Args:
        message: what was tried.
        remedy: where to look.

    Raises:
        ContractBroken: the text is the message, the exception in one short line, and the remedy.
    """
    try:
        yield
    except (ContractBroken, DoesNotApply):
        raise
    except any_failure() as error:
        reason = str(error) if isinstance(error, AblateError) else one_line(error)
        raise ContractBroken(f"{message}: {shorten(reason, _LONGEST, placeholder=' …')}; {remedy}") from error


def keep_all(contracts: Sequence[Contract]) -> None:
    """Checks the contracts in order.

    Raises:
        ContractBroken: a contract is broken; those after it are not checked.
    """
    for contract in contracts:
        try:
            contract.check()
        except DoesNotApply:
            continue


def outcomes(contracts: Sequence[Contract]) -> Iterator[ContractOutcome]:
    """The outcome of each contract, in order, whatever the plug-in raises."""
    broken = None
    for contract in contracts:
        if broken is None:
            outcome = _outcome(contract)
        else:
            outcome = ContractOutcome(contract.name, "does not apply", f"not reached, since '{broken}' failed")
        yield outcome
        if contract.first and outcome.verdict == "failed":
            broken = contract.name


def _outcome(contract: Contract) -> ContractOutcome:
    try:
        contract.check()
    except DoesNotApply as reason:
        return ContractOutcome(contract.name, "does not apply", _line(reason))
    except ContractBroken as broken:
        return ContractOutcome(contract.name, "failed", _line(broken))
    except any_failure() as error:
        # A plug-in may raise any exception, and the other contracts are checked all the same.
        return ContractOutcome(contract.name, "failed", f"raises {one_line(error)}")
    return ContractOutcome(contract.name, "passed")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
