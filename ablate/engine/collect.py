"""Gathers the statistics that scorers declare, in as few passes over the calibration set as possible.

One gradient pass serves every granularity and every scorer that looks at the same loss: what a unit would cost is
``-Σ w · dL/dw`` over the weights that carry its output, so a backward pass holds the contributions of all units of
all granularities at once. They are reduced to units batch by batch, since absolute values are taken there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.calibration import Batch, Calibration, Over
from ablate.engine.second_order import halved, without_lowest
from ablate.errors import AblateError
from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.models.losses import Loss
from ablate.models.model import Model
from ablate.scorers.statistics import GradientContribution, InputNorm, ScorerStatistic, refuse_per_example

Request = tuple[Granularity, ScorerStatistic]


@dataclass
class Collected:
    """gradients: float32 [units] for each (granularity, statistic). norms: module name -> float32 [in_features]."""

    gradients: dict[tuple[Granularity, GradientContribution], Tensor] = field(default_factory=dict)
    norms: dict[InputNorm, dict[str, Tensor]] = field(default_factory=dict)

    def has(self, requests: Iterable[Request]) -> bool:
        return all(
            statistic in self.norms if isinstance(statistic, InputNorm) else (granularity, statistic) in self.gradients
            for granularity, statistic in requests
        )


@dataclass(frozen=True)
class Pass:
    """One pass over the calibration set: the gradient of ``loss``, or (None) the norms of the linears' inputs.

    halfway: the gradient is taken halfway to the removal of units, for this request's second-order correction.
    """

    loss: Loss | None
    size: int
    batch_size: int
    halfway: tuple[Granularity, GradientContribution] | None = None

    @property
    def name(self) -> str:
        if self.loss is None:
            return "input norms"
        return f"gradient of {self.loss.name}" + (f", second order at {self.halfway[0].name}" if self.halfway else "")

    @property
    def over(self) -> Over:
        return self.loss.over if self.loss else "sentences"


def passes_of(requests: Iterable[Request], calibration: Calibration) -> dict[Pass, list[Request]]:
    """The passes that serve all requests, in the order in which they can be made, and which each serves.

    Raises:
        AblateError: a batch is larger than the calibration set, or more examples are asked for than it has.
    """
    passes: defaultdict[Pass, list[Request]] = defaultdict(list)
    for granularity, statistic in dict.fromkeys(requests):
        loss = None if isinstance(statistic, InputNorm) else statistic.loss
        over = loss.over if loss else "sentences"
        have = len(calibration.examples(over))
        size = have if statistic.size is None else statistic.size
        batch_size = getattr(statistic, "batch_size", None) or calibration.batch_size
        if size > have or (loss and batch_size > size):
            raise AblateError(
                f"{loss.name if loss else 'input norms'}: {size} calibration {over} in batches of {batch_size} are "
                f"asked for, and there are {have}; lower {over} or batch_size, or calibrate on more"
            )
        one = Pass(loss, size, batch_size)
        if isinstance(statistic, GradientContribution) and statistic.second_order is not None:
            passes[one].append((granularity, statistic.first_order))
            one = replace(one, halfway=(granularity, statistic))
        passes[one].append((granularity, statistic))
    return {one: list(dict.fromkeys(served)) for one, served in passes.items()}


def collect(
    model: Model,
    calibration: Calibration,
    requests: Iterable[Request],
    on_pass: Callable[[str], None] = lambda _: None,
    have: Collected | None = None,
) -> Collected:
    """Gathers every requested statistic under the mask in force.

    Args:
        on_pass: told the name of each pass over the calibration set before it begins.
        have: what was gathered before under the same mask; it is part of what is returned, and not gathered again.

    Raises:
        AblateError: a batch is larger than the calibration set, or a loss is not finite.
        PluginError: ``absolute-example`` of a loss or a granularity that cannot have it.
    """
    collected = Collected(dict(have.gradients), dict(have.norms)) if have else Collected()
    for one, served in passes_of(requests, calibration).items():
        if collected.has(served):
            continue
        on_pass(one.name)
        if one.loss is None:
            norms = _input_norms(model, calibration, one)
            collected.norms.update({s: norms for _, s in served if isinstance(s, InputNorm)})
        elif one.halfway:
            collected.gradients[one.halfway] = _halfway_pass(model, calibration, one.loss, one, collected)
        else:
            wanted = [(g, s) for g, s in served if isinstance(s, GradientContribution)]
            collected.gradients.update(_gradient_pass(model, calibration, one.loss, one, wanted))
    return collected


def _halfway_pass(model: Model, calibration: Calibration, loss: Loss, one: Pass, collected: Collected) -> Tensor:
    assert one.halfway
    granularity, statistic = one.halfway
    assert statistic.second_order is not None
    first = collected.gradients[granularity, statistic.first_order]
    stays = without_lowest(model, granularity, first, statistic.second_order)
    with halved(model, granularity, stays):
        half = _gradient_pass(model, calibration, loss, one, [one.halfway])[one.halfway]
    # Contributions are of the whole weights, at the gradient where half of them is left.
    return half.where(stays, (4 if statistic.sign == "squared" else 2) * half)


def _gradient_pass(
    model: Model,
    calibration: Calibration,
    loss: Loss,
    one: Pass,
    wanted: list[tuple[Granularity, GradientContribution]],
) -> dict[tuple[Granularity, GradientContribution], Tensor]:
    granularities = {granularity for granularity, _ in wanted}
    carriers = sorted({name for g in granularities for name in g.carriers(model)})
    weights = {name: model.weight(name) for name in carriers}
    per_example = [request for request in wanted if request[1].sign == "absolute-example"]
    for request in per_example:
        refuse_per_example(*request)
    columns = sorted({name for g, _ in per_example for name in g.carriers(model)})
    totals: dict[tuple[Granularity, GradientContribution], Tensor] = {}
    batches = list(calibration.batches(one.over, one.size, one.batch_size))
    dropout = calibration.dropout and loss.over == "pairs"
    with _differentiable(model, calibration.seed if dropout else None), _inputs(model, columns) as inputs:
        for batch in batches:
            batch_loss = _loss(model, loss, batch)
            if not batch_loss.isfinite():
                raise AblateError(
                    f"loss '{loss.name}' is {batch_loss.item()} on a calibration batch; no contribution follows"
                )
            gradients = torch.autograd.grad(batch_loss, [*weights.values(), *inputs.values()])
            with torch.no_grad():
                products = {
                    name: weight.detach() * gradient.neg_()
                    for (name, weight), gradient in zip(weights.items(), gradients, strict=False)
                }
                by_batch = {g: g.reduce(model, products) for g in granularities}
                at_inputs = dict(zip(inputs, gradients[len(weights) :], strict=True))
                by_example = _per_example(model, inputs, at_inputs, one.batch_size, [g for g, _ in per_example])
                for granularity, statistic in wanted:
                    value = by_batch[granularity]
                    if statistic.sign == "absolute":
                        value = value.abs()
                    elif statistic.sign == "squared":
                        value = value.square()
                    elif statistic.sign == "absolute-example":
                        value = by_example[granularity].abs().mean(0)
                    key = granularity, statistic
                    totals[key] = totals[key] + value / len(batches) if key in totals else value / len(batches)
    return totals


def _loss(model: Model, loss: Loss, batch: Batch) -> Tensor:
    embeddings = normalize(model.embed(model.pad(model.tokenize(list(batch.sentences)))), dim=1)
    return loss.of(embeddings, batch.gold)


@contextmanager
def _differentiable(model: Model, dropout_seed: int | None) -> Iterator[None]:
    """Gradients on, and dropout on where a seed is given; all as before on leaving."""
    # Of every parameter, also where only some are asked for: inputs have gradients only through what lies before them.
    trainable = {parameter: parameter.requires_grad for parameter in model.backbone.parameters()}
    training = {module: module.training for module in model.backbone.modules()}
    try:
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            model.backbone.requires_grad_(True)
            if dropout_seed is not None:
                torch.manual_seed(dropout_seed)
                model.backbone.train()
            yield
    finally:
        for parameter, required in trainable.items():
            parameter.requires_grad_(required)
        for module, mode in training.items():
            module.training = mode


@contextmanager
def _inputs(model: Model, modules: list[str]) -> Iterator[dict[str, Tensor]]:
    """The inputs [sentences, tokens, columns] of ``modules`` at the latest forward pass."""
    latest: dict[str, Tensor] = {}

    def keep_as(name: str) -> Callable[[torch.nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, args: latest.update({name: args[0]})

    handles = []
    try:
        for name in modules:
            handles.append(model.backbone.get_submodule(name).register_forward_pre_hook(keep_as(name)))
            latest[name] = torch.empty(0)
        yield latest
    finally:
        for handle in handles:
            handle.remove()


def _per_example(
    model: Model,
    inputs: dict[str, Tensor],
    gradients: dict[str, Tensor],
    batch_size: int,
    granularities: list[Granularity],
) -> dict[Granularity, Tensor]:
    """float32 [pairs, units]: the contribution of each unit to each pair's own loss (Michel et al. 2019, eq. 2)."""
    values = {}
    for name, value in inputs.items():
        by_sentence = -(value * gradients[name]).sum(1)
        # The loss is a mean over pairs; a pair's own loss is that many times its share. Both members carry the mask.
        values[name] = batch_size * (by_sentence[:batch_size] + by_sentence[batch_size:])
    return {g: g.reduce_columns(model, values) for g in granularities if isinstance(g, ColumnGranularity)}


def _input_norms(model: Model, calibration: Calibration, one: Pass) -> dict[str, Tensor]:
    sentences = list(calibration.sentences[: one.size])
    modules = [name for layer in model.architecture.layers for name in layer.linears]
    squares = {name: torch.zeros(model.weight(name).shape[1], dtype=torch.float64) for name in modules}
    with torch.inference_mode(), _inputs(model, modules) as inputs:
        for start in range(0, one.size, one.batch_size):
            features = model.pad(model.tokenize(sentences[start : start + one.batch_size]))
            real = features["attention_mask"].bool()
            model.embed(features)
            for name in modules:
                squares[name] += inputs[name][real].double().square().sum(0)
    return {name: total.sqrt().float() for name, total in squares.items()}
