"""A recipe to start from: every key, what it does, and its choices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from ablate.models.sizes import Sizes
from ablate.models.spec import ModelSpec
from ablate.plugins import Registry

_SPLITS = ("train", "dev", "test")

_HEAD = """\
# A recipe for ablate: which parameters of this model hurt it?
# The model: {sizes} (by its config.json).
# `ablate run` plans and runs this file; with `--dry-run` it only plans.
{editor}#
# A line that starts with a # and no space is a key that is not set. Remove the # to set it.
"""

_BODY = """\

model:
  # `minilm` (embedded), a folder, or a Hub id with its `revision` (a commit).
  name: {name}
{revision}\
  # What tables and figures call it; by default its name, of a folder the last part of its path.
#  label: mine
  # What it descends from. In a recipe of several models, those of one lineage count once; by default each its own.
#  lineage: MPNet
  # How token embeddings become one: `mean`, `cls` (the first token through the pooler), `cls_before_pooler`, `max`,
  # `lasttoken`, `weightedmean`, `avg_first_last` or `avg_top2`.
  # {pooling_note}
{pooling}\
  # Text before each sentence, or `prompt_name` instead: one of the model's own. By default, its default prompt.
#  prompt: "query: "
  # The most tokens of a sentence; by default, as many as the model takes.
#  max_length: 128
  # Whether to run Python code that comes with the model.
#  trust_remote_code: false

# Where sentences come from: `auto` (ABLATE_DATA, else what `ablate data fetch` downloaded, else embedded), `embedded`,
# `hub`, `senteval`, or a folder as {{senteval: DIR}}. `ablate data` shows what each source has.
data: auto

# The sentences that scorers may use; never those of a test set.
calibration:
  # `gold` (train pairs with gold above 4), `dropout` (a sentence with itself, no labels), or {{file: PAIRS.tsv}}.
  positives: gold
  # How many positive pairs, and how many sentences, are drawn.
  pairs: 512
  sentences: 1024
  # How many pairs with any gold score, for scorers that use gold scores.
  graded: 1024
  # Train or dev sets from which all of them are drawn.
  splits: [{splits}]
  # Uniformity compares the sentences of a batch, so contributions depend on the size of a batch.
  batch_size: 64
  calibration_seed: 0

# The grid: every scorer with every granularity, sparsity and scope, and with every seed if it uses one.
# Scorers give each unit a contribution; the units with the lowest are removed first. `ablate list` shows their
# parameters, which are set as in {{scorer: combined, lambda: 0.5, label: half}}.
{scorers}
scorers: [align, uniform, combined, magnitude, random]
# The kinds of unit.
{granularities}
granularities: [{head}, neuron]
# The fraction of the units that is removed, from 0 to below 1, or `negative`: all with a contribution below 0, for a
# signed scorer.
sparsities: [0.1, 0.2]
# `global`: one ranking for all layers; `layer`: one for each.
scopes: [global]
# For scorers that use one (random).
seeds: [0, 1, 2]
# The sparsity is reached in this many equal steps, with contributions computed again after each.
steps: 1
# Decides the order of units with equal contributions.
tie_seed: 0

# Cells in addition to the grid, each a list of prune steps, which are taken in order.
#cells:
#  - - {{granularity: head, scorer: combined, sparsity: 0.2}}
#    - {{granularity: neuron, scorer: magnitude, sparsity: 0.1}}

# Controls. `matched`: how many random draws, with as many units removed in each layer, for each confirmed cell (a claim
# needs 20; with `stop_early`, a cell that is no better than dense gets none, and any other no more once it is
# settled). `screened`: the same for each screened cell. `searched`: how many random searches for each confirmed cell,
# with as many masks scored on dev as found the cell. `flipped`: whether to remove the highest contributions too.
controls: {{matched: 3, screened: 0, searched: 0, flipped: false, control_seed: 0}}

# Tasks of dev sets. Every cell is evaluated on them, and they choose the best cell of each scorer and granularity.
{tasks}
screen: [{screen}]
# Tasks that report, on dense, the best cells and their controls; {{tasks: [sts], cells: all}} for every cell.
confirm: [{confirm}]
# Parameters of a task, or of all tasks of a group{own_note}.
{own}
# `drop`: no difference counts a pair that calibration or choice has seen; `keep`: all pairs count.
overlap: drop
# Test items that are almost those that calibrated or chose: `report`, `drop` or `ignore` them; by default, runs on your
# own files report them.
#near_duplicates: report

# How cells are judged. `correction`: `bh`, `by` or `holm`. `level`: of every test. `margin` and `mean_margin`: how much
# worse than dense still counts as harmless, in points, on a task and on a mean over tasks. `resamples`: how many each
# bootstrap draws.
statistics: {{correction: bh, level: 0.05, margin: 0.5, mean_margin: 0.2, resamples: 2000, statistics_seed: 0}}

# Where cells are evaluated.
{executors}
executor: in-process
# Where the model runs: `auto` (the first CUDA GPU, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`.
device: auto
# In which cells are evaluated: `float32`, `bf16` or `fp16`. Contributions are always computed in float32.
precision: float32
# Tasks also measure embeddings truncated to these numbers of components, as Matryoshka models are used.
#truncate_dims: [256, 128, 64]
# `racing`: whether cells are screened on growing parts of the pairs, and stop once they cannot be chosen any more.
# `racing_margin`: by how many points the best cell may be better than the chosen one, if racing stops it.
evaluate: {{racing: false, racing_margin: 0.1, racing_seed: 0}}

# For `ablate stability`: the calibration sets to compare.
#stability: {{calibration_seeds: [0, 1, 2, 3, 4], sizes: [64, 256, 1024], batch_sizes: [16, 64]}}
# For `ablate prevalence`. `groups`: into how many groups the units of a layer are divided; a group is removed together.
# `by`: the scorer that ranks the units for that. `confirm`: the tasks on which the units found are confirmed. `effect`:
# a unit hurts if the model gains more than this without it, in points.
#prevalence: {{groups: {{neuron: 48, unstructured: 24}}, by: magnitude, confirm: [sts], effect: 0.05}}

# For `ablate train`: cells are trained under their masks.
#train:
  # A file of `sentences`, one a line; or of `pairs`; or `splits`. By default, the sentences of the train set.
#  splits: [sts-train]
  # At most this many of them.
#  examples: 4096
  # Prune first; prune while training; train first; train first, then train the original weights under the mask.
#  ways: [prune-then-train, gradual, train-then-prune, rewind]
#  learning_rate: 3.0e-5
#  batch_size: 64
#  epochs: 1
  # Steps between two evaluations on the screen tasks; the best checkpoint is kept.
#  evaluate_every: 125
  # `float32`; `bf16` and `fp16` need a GPU.
#  precision: float32
#  train_seeds: [0]
"""


def starter(
    spec: ModelSpec, sizes: Sizes, plugins: Registry, editor: str, own: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """The text of a recipe for a model.

    Args:
        own: name -> parameters of tasks on the user's own files. Those of train calibrate, those of dev choose and
            those of test report, in place of the standard sets.
        editor: either the comment by which editors find the schema, which becomes the first line, or advice on it.
    """
    modeline = editor.startswith("#")
    head = _HEAD.format(sizes=sizes, editor="" if modeline else f"# {editor}\n")
    revision = "" if spec.revision is None else f"  revision: {json.dumps(spec.revision)}\n"
    if sizes.pools or spec.pooling is not None:
        note = "By default, the model's own modules decide."
    else:
        note = "This checkpoint does not say; choose the one that it was trained with."
    pooling = spec.pooling or (None if sizes.pools else "mean")
    named = {split: [name for name, given in (own or {}).items() if given["split"] == split] for split in _SPLITS}
    body = _BODY.format(
        splits=", ".join(named["train"]) or "sts-train",
        screen=", ".join(named["dev"]) or "sts-dev",
        confirm=", ".join(named["test"]) or "sts",
        own_note="; with `kind` and `file`, a task on a file of your own" if own else "",
        own=_own(own) if own else "#tasks: {transfer: {protocol: full}}",
        # Quoted, because the name of a folder may contain characters that mean something in YAML.
        name=spec.name if spec.name == "minilm" else json.dumps(spec.name, ensure_ascii=False),
        revision=revision,
        pooling_note=note,
        pooling="#  pooling: mean\n" if pooling is None else f"  pooling: {pooling}\n",
        scorers=_choices(plugins, "scorer"),
        granularities=_choices(plugins, "granularity"),
        # A query head alone cannot be cut out of a layer in which others share its key and value.
        head="kv-group" if sizes.grouped else "head",
        tasks=_choices(plugins, "task", ("groups: sts-dev, sts, transfer, geometry",)),
        executors=_choices(plugins, "executor"),
    )
    return (f"{editor}\n" if modeline else "") + head + body


def _own(own: Mapping[str, Mapping[str, Any]]) -> str:
    """The section ``tasks``: a line for each file, in JSON, which is YAML too."""
    lines = ["tasks:"]
    for name, given in own.items():
        keys = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in given.items())
        lines.append(f"  {name}: {{{keys}}}")
    return "\n".join(lines)


def _choices(plugins: Registry, kind: str, before: tuple[str, ...] = ()) -> str:
    """A comment that lists the names of a kind, after other texts."""
    names = dict.fromkeys(entry.plugin.name for entry in plugins.of_kind(kind))
    text = "; ".join((*before, ", ".join(names)))
    return "\n".join(
        wrap(f"Choices: {text}.", 116, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    )
