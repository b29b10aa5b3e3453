"""Transfer tasks: the classifiers against what they stand for, the protocols against leaks, and a run with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.optimize import minimize
from scipy.special import logsumexp

from ablate.data.classes import CLASS_SETS, ClassSet
from ablate.errors import PluginError, RecipeError, Undefined
from ablate.tasks.folds import cross_validated, nested, with_dev
from ablate.tasks.solver import STRENGTHS, Exact, Examples, Stochastic
from ablate.tasks.transfer import TRANSFER_TASKS, Transfer
from ablate.testing import check_task
from ablate.testing.samples import SampleSource
from tests.bench import Bench, known, make_bench

TASKS = {task.name: task for task in TRANSFER_TASKS}


def examples(n: int = 60, dim: int = 5, classes: int = 2, seed: int = 0, noise: float = 1.0) -> Examples:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centers = np.random.default_rng(99).normal(size=(classes, dim))
    return Examples((centers[labels] + noise * rng.normal(size=(n, dim))).astype(np.float32), labels)


def test_there_is_a_task_for_every_set() -> None:
    assert set(TASKS) == {*CLASS_SETS, "synthetic-tense"}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_exact_is_the_optimum_of_sentevals_loss(classes: int, strength: float) -> None:
    train, other = examples(classes=classes), examples(200, classes=classes, seed=1)
    x, y = train.features.astype(float), train.classes

    def loss(flat: NDArray[np.float64]) -> float:
        w, b = flat[: classes * 5].reshape(classes, 5), flat[classes * 5 :]
        logits = x @ w.T + b
        return float(np.mean(logsumexp(logits, 1) - logits[np.arange(len(y)), y]) + strength / 2 * np.sum(w**2))

    found = minimize(loss, np.zeros(classes * 6), tol=1e-10).x
    logits = other.features @ found[: classes * 5].reshape(classes, 5).T + found[classes * 5 :]
    (guess,) = Exact().predict(train, None, [strength], other.features)
    assert np.mean(guess == logits.argmax(1)) >= 0.995


def test_exact_gives_the_same_for_a_strength_alone_and_among_others() -> None:
    train, other = examples(noise=3), examples(500, seed=1, noise=3)
    together = Exact().predict(train, None, STRENGTHS, other.features)
    for strength, guess in zip(STRENGTHS, together, strict=True):
        (alone,) = Exact().predict(train, None, [strength], other.features)
        assert np.mean(alone == guess) >= 0.995


def one_after_the_other(solver: Stochastic, train: Examples, stop: Examples, strength: float) -> torch.nn.Linear:
    """SentEval's loop for one strength, with torch's own layer, optimizer and weight decay."""
    generator = torch.Generator().manual_seed(solver.seed)
    dim, count = train.features.shape[1], int(train.classes.max()) + 1
    start = torch.empty(count, dim + 1).uniform_(-(dim**-0.5), dim**-0.5, generator=generator)
    layer = torch.nn.Linear(dim, count)
    with torch.no_grad():
        layer.weight.copy_(start[:, :-1])
        layer.bias.copy_(start[:, -1])
    optimizer = solver.optimizer(layer.parameters(), weight_decay=strength)
    x, y = torch.from_numpy(train.features), torch.from_numpy(train.classes)
    best, kept, failures, epoch = -1.0, layer.state_dict(), 0, 0
    while epoch <= solver.max_epochs:
        for _ in range(solver.epochs):
            order = torch.randperm(len(x), generator=generator)
            for at in range(0, len(x), solver.batch):
                rows = order[at : at + solver.batch]
                loss = torch.nn.functional.cross_entropy(layer(x[rows]), y[rows])
                layer.weight.grad, layer.bias.grad = torch.autograd.grad(loss, [layer.weight, layer.bias])
                optimizer.step()
        epoch += solver.epochs
        guess = layer(torch.from_numpy(stop.features)).argmax(1).numpy()
        accuracy = float(np.mean(guess == stop.classes))
        if accuracy > best:
            best, kept = accuracy, {name: value.clone() for name, value in layer.state_dict().items()}
        else:
            if failures >= solver.tenacity:
                break
            failures += 1
    layer.load_state_dict(kept)
    return layer


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize("classes", [2, 4])
def test_stochastic_trains_all_strengths_as_one_after_the_other(optimizer: Any, classes: int) -> None:
    solver = Stochastic(optimizer, batch=16, tenacity=2, epochs=2, seed=3)
    train, stop, other = (examples(n, classes=classes, seed=n, noise=2) for n in (60, 40, 300))
    strengths = (1e-4, 1e-2, 3.0)
    together = solver.predict(train, stop, strengths, other.features)
    for strength, guess in zip(strengths, together, strict=True):
        layer = one_after_the_other(solver, train, stop, strength)
        assert np.mean(guess == layer(torch.from_numpy(other.features)).argmax(1).numpy()) >= 0.99
    assert not np.array_equal(together[0], together[2])


def test_stochastic_holds_a_twentieth_back_where_nothing_is_given_to_stop_on() -> None:
    solver = Stochastic(torch.optim.Adam, 16, 2, 2)
    train, other = examples(2000), examples(200, seed=1)
    assert np.mean(solver.predict(train, None, [1e-3], other.features)[0] == other.classes) > 0.8


@dataclass
class Watched:
    """Notes what it is given, and knows class by the first feature; one strength does better than the rest."""

    seen: list[tuple[set[float], set[float]]] = field(default_factory=list)
    asked: list[Sequence[float]] = field(default_factory=list)
    good: float = 1e-3

    def predict(
        self, train: Examples, stop: Examples | None, strengths: Sequence[float], features: NDArray[np.float32]
    ) -> list[NDArray[np.int64]]:
        self.asked.append(strengths)
        learnt = set(train.features[:, 0].tolist()) | (set() if stop is None else set(stop.features[:, 0].tolist()))
        self.seen.append((learnt, set(features[:, 0].tolist())))
        truth = features[:, 0].astype(np.int64) % 2
        return [truth if strength == self.good else 1 - truth for strength in strengths]


def numbered(start: int, count: int) -> Examples:
    numbers = np.arange(start, start + count)
    return Examples(numbers[:, None].astype(np.float32), numbers % 2)


def test_nested_judges_each_text_once_by_what_has_not_seen_it() -> None:
    solver, everything = Watched(), numbered(0, 40)
    assert np.array_equal(nested(everything, 4, solver), everything.classes)
    final = [place for place, asked in enumerate(solver.asked) if len(asked) == 1]
    assert len(final) == 4
    assert all(solver.asked[place] == [solver.good] for place in final)
    judged = [solver.seen[place][1] for place in final]
    assert sorted(number for part in judged for number in part) == list(range(40))
    for place, outside in zip(final, judged, strict=True):
        # Nor has what chose its strength.
        for learnt, held in solver.seen[place - 4 : place + 1]:
            assert not (learnt & outside)
            assert held == outside or not (held & outside)


def test_train_chooses_by_folds_and_dev_by_itself() -> None:
    solver, train, judged = Watched(), numbered(0, 40), numbered(100, 10)
    assert np.array_equal(cross_validated(train, judged.features, 5, solver), judged.classes)
    assert [len(asked) for asked in solver.asked] == [4] * 5 + [1]
    assert solver.seen[-1] == (set(range(40)), set(range(100, 110)))
    solver = Watched(good=1e-5)
    dev = numbered(50, 8)
    assert np.array_equal(with_dev(train, dev, judged.features, solver), judged.classes)
    assert solver.seen == [(set(range(40)) | set(range(50, 58)), set(range(50, 58)) | set(range(100, 110)))]


def test_of_equals_the_weakest_strength_is_taken() -> None:
    @dataclass
    class Even(Watched):
        def predict(self, *given: Any) -> list[NDArray[np.int64]]:
            super().predict(*given)
            return [given[3][:, 0].astype(np.int64) % 2 for _ in given[2]]

    solver = Even()
    cross_validated(numbered(0, 40), numbered(0, 2).features, 5, solver)
    assert solver.asked[-1] == [1e-5]


def test_a_class_too_small_for_the_folds_has_no_score() -> None:
    few = Examples(np.zeros((10, 2), np.float32), np.array([0] * 8 + [1] * 2))
    with pytest.raises(Undefined, match="3 folds need two classes with at least 3 texts each, and there are 8 of"):
        nested(few, 3, Exact())
    with pytest.raises(Undefined, match="there are 10 of class 0"):
        cross_validated(Examples(few.features, np.zeros(10, np.int64)), few.features, 3, Exact())


def of_length(*texts: str, gold: Sequence[float]) -> ClassSet:
    items = tuple((text,) for text in texts)
    return ClassSet("cr", "test", "", items, np.array(gold, float), ("",) * len(texts))


def test_values_stand_in_the_order_of_the_texts_though_folds_are_cut_by_length() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(["w"] * int(rng.integers(1, 9)) + [str(i)]) for i in range(60)]
    gold = (np.arange(60) % 2).astype(float)
    data = of_length(*texts, gold=gold.tolist())
    embeddings = torch.tensor(gold)[:, None].float() * 4 + 0.1 * torch.randn(60, 3, generator=torch.manual_seed(0))
    embeddings[7] = 4 - embeddings[7]  # one text that looks like the other class
    values = TASKS["cr"]().measure(data, embeddings)
    assert values.dtype == np.float32
    assert np.flatnonzero(values == 0).tolist() == [7]
    assert TASKS["cr"]().score(data, values, np.ones(60, bool)) == pytest.approx(100 * 59 / 60)


@pytest.mark.parametrize("protocol", ["full", "prototyping"])
@pytest.mark.parametrize("name", [pytest.param("cr", marks=pytest.mark.slow), "sst2", "trec"])
def test_every_choice_keeps_the_contract(name: str, protocol: str) -> None:
    for solver in ("sklearn", "senteval"):
        check_task(TASKS[name], protocol=protocol, solver=solver)


def test_the_solver_is_sklearn_where_it_agrees_with_senteval() -> None:
    made = [TASKS["cr"](), TASKS["cr"](protocol="full"), TASKS["cr"](protocol="full", solver="sklearn")]
    assert [(task.protocol, task.solver) for task in made if isinstance(task, Transfer)] == [
        ("prototyping", "sklearn"),
        ("full", "senteval"),
        ("full", "sklearn"),
    ]
    assert TASKS["cr"](protocol="full").identity() == TASKS["cr"](protocol="full", solver="senteval").identity()


def test_seeds_move_the_stochastic_solver_and_are_refused_by_the_exact_one() -> None:
    data = SampleSource().load("trec")
    embeddings = torch.randn(len(data.sentences), 30, generator=torch.manual_seed(1))
    found = [TASKS["trec"](solver="senteval", seed=seed).measure(data, embeddings) for seed in (1, 1, 2, 3, 4)]
    assert np.array_equal(found[0], found[1])
    assert any(not np.array_equal(found[0], other) for other in found[2:])
    with pytest.raises(ValidationError, match="uses no seed"):
        TASKS["trec"](seed=1)


def test_pairs_without_classes_are_refused_by_name() -> None:
    with pytest.raises(PluginError, match="task 'cr': 'sample .*' has no classes, which it needs"):
        TASKS["cr"]().measure(SampleSource().load("stsb"), torch.zeros(40, 3))


@pytest.fixture
def bench(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = make_bench(tmp_path, monkeypatch)
    folder = made.data / "TREC"
    folder.mkdir()
    words = {"ABBR": "dog", "LOC": "cat", "NUM": "runs"}
    for file, count in (("train_5500.label", 90), ("TREC_10.label", 30)):
        rows = [
            f"{label}:x {words[label]} the {i} {word}" for i in range(count // 3) for label in words for word in ["a"]
        ]
        (folder / file).write_text("".join(f"{row}\n" for row in rows))
    return made


def test_a_run_shows_and_judges_them_as_it_does_sts(bench: Bench) -> None:
    results = bench.run(confirm=["stsb", "trec"])
    rows = [row for row in results.rows if row.task == "trec"]
    assert {row.metric for row in rows} == {"accuracy"}
    dense, cell = rows[0], next(row for row in rows if row.scorer == "magnitude" and not row.control)
    assert known(dense.score) > 60
    assert known(cell.low) <= known(cell.delta_clean) <= known(cell.high)
    assert cell.verdict in ("harms", "improves", "better", "harmless", "worse", "undecided")
    judged = {(item.metric, item.task) for item in results.evidence if item.stage == "confirm"}
    assert {("spearman", "stsb"), ("accuracy", "trec")} <= judged
    before = bench.encodes
    again = bench.run(confirm=["stsb", "trec"])
    assert bench.encodes == before
    assert [row.score for row in again.rows] == [row.score for row in results.rows]


def test_parameters_of_a_task_are_part_of_its_key(bench: Bench) -> None:
    first = bench.run(confirm=["trec"])
    before = bench.encodes
    other = bench.run(confirm=["trec"], tasks={"trec": {"solver": "senteval", "protocol": "prototyping"}})
    assert bench.encodes > before
    assert other.about.tasks == {"trec": {"solver": "senteval", "protocol": "prototyping"}}
    assert {row.result for row in first.rows if row.task == "trec"}.isdisjoint(
        row.result for row in other.rows if row.task == "trec"
    )


def test_a_group_gives_to_all_of_its_tasks_in_use_and_a_task_goes_before_it(bench: Bench) -> None:
    group = {"solver": "senteval", "seed": 1}
    job = bench.job(confirm=["trec"], tasks={"trec": {"seed": 2}, "transfer": group})
    assert job.tasks.parameters == {"trec": {"solver": "senteval", "seed": 2}}
    (loaded,) = job.load(job.make(["trec"]))
    assert isinstance(loaded.task, Transfer)
    assert (loaded.task.seed, loaded.task.solver) == (2, "senteval")


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (
            {"trec": {"solvr": "sklearn"}},
            "recipe.tasks.trec.solvr: task 'trec': unknown parameter 'solvr'; did you mean",
        ),
        ({"trec": {"solver": "svm"}}, "recipe.tasks.trec.solver: task 'trec', solver: must be 'sklearn' or 'senteval'"),
        ({"trek": {}}, "recipe.tasks.trek: 'trek' is not one of the recipe's tasks; did you mean 'trec'"),
        ({"sts-train": {}}, "recipe.tasks.sts-train: 'sts-train' is not one of the recipe's tasks"),
        ({"stsb-dev": {"solver": "sklearn"}}, "task 'stsb-dev': unknown parameter 'solver'"),
    ],
)
def test_a_mistake_in_tasks_is_named_with_its_place(bench: Bench, tasks: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as error:
        bench.job(confirm=["trec"], tasks=tasks)
    assert message in str(error.value)
