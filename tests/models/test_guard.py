"""A model under a mask, or with other weights, is one thread's: a second thread is refused, or waits."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
import torch
from transformers import PreTrainedModel

from ablate.engine.evaluator import Evaluator
from ablate.errors import ModelError
from ablate.granularities.head import Head
from ablate.granularities.replay import removals
from ablate.models.architectures import architecture_of
from ablate.models.encode import encode, prepare
from ablate.models.guard import Guard
from ablate.models.masked import masked
from ablate.models.materialize import materialized
from ablate.models.model import Model
from ablate.models.weights import weighted
from ablate.testing.samples import sample_sentences, sample_tasks
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model


def keep(model: Model) -> dict[str, torch.Tensor]:
    """All but the fourth of the heads that are left."""
    left = replace(model, architecture=architecture_of(cast(PreTrainedModel, model.backbone)))
    return Head().keep(left, torch.arange(len(Head().layers(left))) != 3)


def other_weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() + 1 for name, parameter in model.backbone.named_parameters()}


Enter = Callable[[Model], AbstractContextManager[None]]

WAYS: dict[str, Enter] = {
    "masked": lambda model: masked(model, keep(model)),
    "masked by nothing": lambda model: masked(model, {}),
    "weighted": lambda model: weighted(model, other_weights(model)),
    "materialized": lambda model: materialized(model, keep(model)),
}


def embed(model: Model) -> Any:
    return Evaluator(model).embed({}, sample_tasks(["any"])["any"])


def remove(model: Model) -> Any:
    prepared = prepare(model, sample_sentences(4))
    return list(removals(model, prepared, Head(), [torch.tensor([5])]))


def passed(context: AbstractContextManager[None]) -> bool:
    """True, once it could be entered and left."""
    with context:
        return True


def elsewhere(work: Callable[[], Any]) -> Any:
    """The outcome of another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


@pytest.mark.parametrize("inside", WAYS)
@pytest.mark.parametrize("other", [*WAYS, "embed", "remove"])
def test_a_second_thread_is_refused_and_changes_nothing(inside: str, other: str) -> None:
    model = tiny_model()

    def enter() -> None:
        if other in WAYS:
            with WAYS[other](model):
                pytest.fail("two threads have the model")
        {"embed": embed, "remove": remove}[other](model)

    with WAYS[inside](model):
        state = State.of(model)
        with pytest.raises(ModelError, match="another thread has this model"):
            elsewhere(enter)
        assert state.changes(model) == []
    elsewhere(lambda: passed(WAYS["masked"](model)))


@pytest.mark.parametrize("inside", WAYS)
def test_the_model_is_free_again_afterwards_however_that_came(inside: str) -> None:
    model = tiny_model()
    with pytest.raises(KeyboardInterrupt), WAYS[inside](model):
        raise KeyboardInterrupt
    assert elsewhere(lambda: embed(model)) is not None


@pytest.mark.parametrize("inside", WAYS)
@pytest.mark.parametrize("other", WAYS)
def test_one_thread_may_nest_them(inside: str, other: str) -> None:
    model = tiny_model()
    state = State.of(model)
    with WAYS[inside](model), WAYS[other](model):
        encode(model, prepare(model, sample_sentences(2)))
    assert state.changes(model) == []


def test_a_copy_with_other_fields_has_the_same_guard_and_another_model_its_own() -> None:
    model, other = tiny_model(), tiny_model()
    with masked(model, keep(model)):
        with pytest.raises(ModelError):
            elsewhere(lambda: embed(replace(model, hash="other")))
        assert elsewhere(lambda: embed(other)) is not None


def test_a_guard_is_no_part_of_what_a_model_is_and_copies_are_free() -> None:
    model = tiny_model()
    assert replace(model, guard=Guard()) == model
    assert "guard" not in repr(model)
    with model.guard.hold():
        for made in (copy.deepcopy(model.guard), pickle.loads(pickle.dumps(model.guard))):
            assert elsewhere(partial(passed, made.hold()))


def test_waiting_takes_turns() -> None:
    model = tiny_model()
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with model.guard.hold(wait=True), masked(model, keep(model)):
            inside += 1
            most = max(most, inside)
            encode(model, prepare(model, sample_sentences(20)))
            inside -= 1

    with ThreadPoolExecutor(4) as pool:
        done: list[Future[None]] = [pool.submit(work) for _ in range(12)]
    assert [future.result() for future in done] == [None] * 12
    assert most == 1


def test_waiting_ends_when_the_other_thread_lets_go() -> None:
    model, entered, leave = tiny_model(), threading.Event(), threading.Event()

    def hold() -> None:
        with masked(model, keep(model)):
            entered.set()
            assert leave.wait(60)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold)
        assert entered.wait(60)
        second = pool.submit(lambda: passed(model.guard.hold(wait=True)))
        with pytest.raises(TimeoutError):
            second.result(0.2)
        leave.set()
        assert (first.result(60), second.result(60)) == (None, True)
