"""How processor time grows with cells, sentences and model size, and how close to a straight line.

    python benchmarks/scaling.py [--threads 1] [--rounds 2] [--quick] [--chart docs/scaling.svg]

Everything runs on the embedded data. Evaluation and encoding take the shortest of the rounds, since other programs only
make them longer; runs and scoring take longer, and are measured once. Models of several sizes have MiniLM's vocabulary
and random weights. Prints a Markdown table of the fitted lines, and draws them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from dense_cell import by_ablate
from scipy.stats import linregress
from scoring import STEPS
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

import ablate
from ablate.data.calibration import Calibration, CalibrationSpec, calibrate, splits_of
from ablate.data.items import Source
from ablate.data.sources import resolve
from ablate.engine.collect import collect
from ablate.engine.score import score
from ablate.models.assemble import pooled, require_fast
from ablate.models.checkpoint import find_checkpoint
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.losses import ALIGN, UNIFORM
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import registry
from ablate.recipe.recipe import Recipe
from ablate.report.figures.figure import COLORS, SOFT
from ablate.tasks.loaded import Loaded

SPARSITIES = [0.2, 0.3, 0.4, 0.5]
"""Of each scorer and seed. From 20 % on, hardly a mask leaves the lowest layer whole, so each cell runs all layers."""

TASKS = ("synthetic", "synthetic-dev", "synthetic-train")

SHAPES = ((1, 384), (2, 384), (4, 384), (6, 384), (12, 384), (3, 768), (6, 768), (12, 768))
"""Layers and width. All have 12 heads, and 4 neurons for each unit of width."""

KNOWN = {(6, 384): "MiniLM", (12, 768): "BERT-base"}

PRODUCTS = "tokens × parameters in linear layers, 10¹²"


@dataclass
class Measure:
    """What was measured: processor seconds at several sizes. each: what the slope is for; labels: name -> point."""

    name: str
    x_name: str
    each: str
    x: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    labels: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, x: float, seconds: float, label: str = "") -> None:
        self.labels |= {label: (x, seconds)} if label else {}
        self.x.append(x)
        self.seconds.append(seconds)
        print(f"{self.name}, {self.x_name} {x:.3g}: {seconds:.2f} s", file=sys.stderr, flush=True)

    def line(self) -> tuple[float, float, float, float]:
        """The least-squares line: slope, intercept, R², and the largest residual as a share of the measured time."""
        x, seconds = np.array(self.x), np.array(self.seconds)
        fit = linregress(x, seconds)
        residuals = seconds - (fit.intercept + fit.slope * x)
        return fit.slope, fit.intercept, fit.rvalue**2, np.max(np.abs(residuals) / seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--chart", type=Path, help="an SVG file to write")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    source = resolve("embedded", os.environ).source
    minilm = load_model(ModelSpec(name="minilm"), torch.device("cpu"))
    tasks = load_tasks([make_task(registry(), name, {}) for name in TASKS], source, registry())
    seeds = (0, 1) if given.quick else (0, 1, 3, 7)
    shares = (0.05, 0.1) if given.quick else (0.125, 0.25, 0.5, 1)
    shapes = ((1, 384), (2, 384), (1, 768), (2, 768)) if given.quick else SHAPES

    warm_up(source)
    measures = [
        runs(seeds),
        evaluations(minilm, tasks, shares, given.rounds),
        *sizes(shapes, tasks[0].data.sentences, source, given.rounds),
    ]
    print(f"{source.label}, {given.threads} threads, {given.rounds} rounds.\n")
    print("| processor seconds of | against | sizes | slope, s | intercept, s | R² | largest residual |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for one in measures:
        slope, intercept, r2, worst = one.line()
        print(f"| {one.name} | {one.x_name} | {one.x[0]:.2g} to {one.x[-1]:.2g} | {slope:.3g} {one.each} ", end="")
        print(f"| {intercept:.2f} | {r2:.4f} | {100 * worst:.0f} % |")
    if given.chart:
        draw(measures, given.chart)


def seconds_of(work: Callable[[], object], rounds: int = 1) -> float:
    """The processor seconds of the shortest round."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def warm_up(source: Source) -> None:
    """Does everything once on little, so that imports and first calls are not measured."""
    run(0)
    scored(shaped(tokenizer(), 1, 384), calibration_of(source))


def runs(seeds: Sequence[int]) -> Measure:
    """Of magnitude, and of random at more and more seeds."""
    measure = Measure("a run", "cells", "a cell")
    for count in seeds:
        measure.add(len(SPARSITIES) * (1 + count), seconds_of(partial(run, count)))
    return measure


def run(seeds: int) -> None:
    """A recipe, with nothing stored, to the table."""
    recipe = Recipe.model_validate(
        {
            "model": "minilm",
            "data": "embedded",
            "scorers": ["magnitude", "random"] if seeds else ["magnitude"],
            "granularities": ["head"],
            "sparsities": SPARSITIES,
            "seeds": list(range(max(seeds, 1))),
            "screen": ["sts-dev"],
        }
    )
    with TemporaryDirectory() as folder:
        ablate.run(recipe, store=Path(folder) / "new.db").to_markdown()


def evaluations(model: Model, tasks: Sequence[Loaded], shares: Sequence[float], rounds: int) -> Measure:
    """Of the dense model, tokenizing included, on random parts of all data sets, each part in the next one."""
    measure = Measure("a dense cell", "distinct sentences, thousands", "a thousand")
    orders = [np.random.default_rng(0).permutation(len(task.data)) for task in tasks]
    for share in shares:
        parts = [task.only(order < share * len(order)) for task, order in zip(tasks, orders, strict=True)]
        sentences = {sentence for part in parts for sentence in part.data.sentences}
        measure.add(len(sentences) / 1000, seconds_of(partial(by_ablate, model, parts), rounds))
    return measure


def sizes(
    shapes: Sequence[tuple[int, int]], sentences: Sequence[str], source: Source, rounds: int
) -> tuple[Measure, Measure, Measure, Measure]:
    """Of encoding by two widths, of scoring, and of its gradient passes alone, against the size of the model."""
    encoding = {width: Measure(f"encoding, width {width}", PRODUCTS, "for 10¹²") for width in (384, 768)}
    scoring = Measure("scoring", PRODUCTS, "for 10¹²")
    passing = Measure("its gradient passes", PRODUCTS, "for 10¹²")
    words, calibration = tokenizer(), calibration_of(source)
    for layers, width in shapes:
        model, label = shaped(words, layers, width), KNOWN.get((layers, width), "")
        linears = [name for layer in model.architecture.layers for name in layer.linears]
        parameters = sum(model.weight(name).numel() for name in linears) / 1e12
        prepared = prepare(model, sentences[:600])
        seconds = seconds_of(partial(encode, model, prepared), rounds)
        encoding[width].add(prepared.tokens * parameters, seconds, label)
        batches = [batch for loss in (ALIGN, UNIFORM) for batch in calibration.batches(loss.over)]
        tokens = sum(model.pad(model.tokenize(list(batch.sentences)))["input_ids"].numel() for batch in batches)
        passes, rest = scored(model, calibration)
        scoring.add(tokens * parameters, passes + rest, label)
        passing.add(tokens * parameters, passes, label)
    return encoding[384], encoding[768], scoring, passing


def tokenizer() -> PreTrainedTokenizerFast:
    folder = str(find_checkpoint(ModelSpec(name="minilm")).folder)
    return require_fast("minilm", AutoTokenizer.from_pretrained(folder, local_files_only=True))


def shaped(words: PreTrainedTokenizerFast, layers: int, width: int) -> Model:
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=12,
        intermediate_size=4 * width,
    )
    return pooled(f"{layers} × {width}", BertModel(config, add_pooling_layer=False).train(False), words, "mean")


def calibration_of(source: Source) -> Calibration:
    """A small one, since the time of the largest model bounds it."""
    spec = CalibrationSpec(pairs=64, sentences=64, batch_size=64)
    return calibrate(spec, splits_of(spec, source))


def scored(model: Model, calibration: Calibration) -> tuple[float, float]:
    """The processor seconds of the gradient passes, and of the contributions of all scorers and granularities."""
    start = time.process_time()
    collected = collect(model, calibration, [request for step in STEPS for request in step.requests])
    between = time.process_time()
    for step in STEPS:
        score(model, calibration, step, collected, {g: g.layers(model) for g in step.granularities})
    return between - start, time.process_time() - between


def draw(measures: Sequence[Measure], file: Path) -> None:
    """Four panels of one or two measures; on white, which reads on a dark page as well."""
    from matplotlib import style
    from matplotlib.figure import Figure

    look = {"svg.fonttype": "none", "svg.hashsalt": "scaling", "font.size": 9, "lines.markersize": 4.5}
    look |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    with style.context(["default", look]):
        figure = Figure(figsize=(7.6, 6), layout="constrained", facecolor="white")
        grid = figure.subplots(2, 2).flat
        for axes, shown in zip(grid, (measures[:1], measures[1:2], measures[2:4], measures[4:]), strict=True):
            for measure, color, marker, dash in zip(shown, COLORS, "os", ("-", "--"), strict=False):
                slope, intercept, *_ = measure.line()
                ends = np.array([0, max(measure.x)])
                axes.plot(ends, intercept + slope * ends, color=color, linestyle=dash)
                name = f"{measure.name}: {slope:.3g} s {measure.each}"
                axes.plot(measure.x, measure.seconds, color=color, marker=marker, linestyle="none", label=name)
            for label, offset, which in (("MiniLM", (10, -7), -1), ("BERT-base", (-58, 3), 0)):
                if points := [measure.labels[label] for measure in shown if label in measure.labels]:
                    axes.annotate(label, points[which], offset, textcoords="offset points", color=SOFT)
            most = max(x for measure in shown for x in measure.x)
            axes.set(xlim=(0, 1.05 * most), ylim=(0, 1.1 * max(s for measure in shown for s in measure.seconds)))
            axes.set(xlabel=shown[0].x_name, ylabel="processor seconds")
            axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), borderaxespad=0, handletextpad=0.2)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))


if __name__ == "__main__":
    main()
