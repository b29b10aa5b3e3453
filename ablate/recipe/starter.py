"""A recipe to start from: every key, what it does, and its choices."""

from __future__ import annotations

import json
from textwrap import wrap

from ablate.models.sizes import Sizes
from ablate.models.spec import ModelSpec
from ablate.plugins import Registry

_HEAD = """\
# A recipe for ablate: which parameters of this model hurt it?
# The model: {sizes} (by its config.json).
# `ablate run` plans and runs this file, with `--dry-run` it only plans.
{editor}#
# A line that begins with # and no blank after it is a key that is left out; take the # away to use it.
"""

_BODY = """\

model:
  # `minilm` (embedded), a folder, or a Hub id with its `revision` (a commit).
  name: {name}
{revision}\
  # How token embeddings become one: `mean`, `cls` (the first token through the pooler) or `cls_before_pooler`.
  # {pooling_note}
{pooling}\
  # Tokens of a sentence; left out, as many as the model takes.
#  max_length: 128
  # Whether to run Python code that comes with the model.
#  trust_remote_code: false

# Where sentences come from: `auto` (ABLATE_DATA, else what `ablate data fetch` fetched, else embedded), `embedded`,
# `hub`, `senteval`, or a folder as {{senteval: DIR}}. `ablate data` shows what is there.
data: auto

# What scorers may look at; never a test set.
calibration:
  # `gold` (train pairs with gold above 4), `dropout` (a sentence with itself, no labels), or {{file: PAIRS.tsv}}.
  positives: gold
  # How many positive pairs, and how many sentences, are drawn.
  pairs: 512
  sentences: 1024
  # How many pairs with gold scores of any height, for scorers that look at them.
  graded: 1024
  # Train or dev sets that all of them come from.
  splits: [sts-train]
  # Sentences of a batch push each other away: results belong to this size.
  batch_size: 64
  calibration_seed: 0

# The grid: every scorer with every granularity, sparsity and scope, and with every seed if it uses one.
# Who says what each unit contributes; the lowest go first. `ablate list` has their parameters, which are given as in
# {{scorer: combined, lambda: 0.5, label: half}}.
{scorers}
scorers: [align, uniform, combined, magnitude, random]
# What goes as one.
{granularities}
granularities: [head, neuron]
# The fraction of the units that is removed, from 0 to below 1, or `negative`: those that a signed scorer calls harmful.
sparsities: [0.1, 0.2]
# `global`: one ranking for all layers; `layer`: one for each.
scopes: [global]
# For scorers that use one (random).
seeds: [0, 1, 2]
# In so many equal shares, contributions scored anew after each.
steps: 1
# Decides among equal contributions.
tie_seed: 0

# Cells beside the grid, each a list of prune steps, one after the other.
#cells:
#  - - {{granularity: head, scorer: combined, sparsity: 0.2}}
#    - {{granularity: neuron, scorer: magnitude, sparsity: 0.1}}

# What stands beside the cells: `matched`: random draws with the same number in each layer, for each confirmed cell (20
# for a claim); `screened`: the same for each screened cell; `flipped`: whether to remove the highest contributions too.
controls: {{matched: 3, screened: 0, flipped: false, control_seed: 0}}

# Tasks that see every cell and choose the best of each scorer and granularity; of dev sets.
{tasks}
screen: [sts-dev]
# Tasks that report, on dense, the best cells and their controls; {{tasks: [sts], cells: all}} for every cell.
confirm: [sts]
# Parameters of a task, or of all of a group.
#tasks: {{transfer: {{protocol: full}}}}
# `drop`: no difference counts a pair that calibration or choice has seen; `keep`: all count.
overlap: drop

# How cells are judged. `correction`: `bh`, `by` or `holm`. `level`: of every test. `margin` and `mean_margin`: how much
# worse than dense is still harmless, in points, on a task and on a mean over tasks. `resamples`: of every bootstrap.
statistics: {{correction: bh, level: 0.05, margin: 0.5, mean_margin: 0.2, resamples: 2000, statistics_seed: 0}}

# Where cells are evaluated.
{executors}
executor: in-process
# `materialize`: whether cells that lose whole heads or neurons run on a smaller model, with the same embeddings.
evaluate: {{materialize: false}}

# For `ablate stability`: what the calibration set is varied over.
#stability: {{calibration_seeds: [0, 1, 2, 3, 4], sizes: [64, 256, 1024], batch_sizes: [16, 64]}}
# For `ablate prevalence`: groups a layer that are removed together, who ranks units before that, and what confirms.
#prevalence: {{groups: {{neuron: 48, unstructured: 24}}, by: magnitude, confirm: [sts]}}

# For `ablate train`: cells are trained under their masks.
#train:
  # A file of `sentences`, one a line; or of `pairs`; or `splits`. Left out: the sentences of the train set.
#  splits: [sts-train]
  # At most so many of them.
#  examples: 4096
  # The mask first; a sparsity that grows; the trained model pruned; its mask on the weights as they came.
#  ways: [prune-then-train, gradual, train-then-prune, rewind]
#  learning_rate: 3.0e-5
#  batch_size: 64
#  epochs: 1
  # Steps between two looks at the screen tasks; the best is kept.
#  evaluate_every: 125
  # `float32`; `bf16` and `fp16` need a GPU.
#  precision: float32
#  train_seeds: [0]
"""


def starter(spec: ModelSpec, sizes: Sizes, plugins: Registry, editor: str) -> str:
    """The text of a recipe for a model.

    Args:
        editor: a sentence about editors, or the comment by which they find the schema.
    """
    modeline = editor.startswith("#")
    head = _HEAD.format(sizes=sizes, editor="" if modeline else f"# {editor}\n")
    revision = "" if spec.revision is None else f"  revision: {json.dumps(spec.revision)}\n"
    if sizes.pools or spec.pooling is not None:
        note = "Left out, the model's own modules decide."
    else:
        note = "This checkpoint does not say; take what it was trained with."
    pooling = spec.pooling or (None if sizes.pools else "mean")
    body = _BODY.format(
        # A quoted text, whatever a folder is called.
        name=spec.name if spec.name == "minilm" else json.dumps(spec.name, ensure_ascii=False),
        revision=revision,
        pooling_note=note,
        pooling="#  pooling: mean\n" if pooling is None else f"  pooling: {pooling}\n",
        scorers=_choices(plugins, "scorer"),
        granularities=_choices(plugins, "granularity"),
        tasks=_choices(plugins, "task", ("groups: sts-dev, sts, transfer, geometry",)),
        executors=_choices(plugins, "executor"),
    )
    return (f"{editor}\n" if modeline else "") + head + body


def _choices(plugins: Registry, kind: str, before: tuple[str, ...] = ()) -> str:
    names = dict.fromkeys(entry.plugin.name for entry in plugins.of_kind(kind))
    text = "; ".join((*before, ", ".join(names)))
    return "\n".join(
        wrap(f"Choices: {text}.", 116, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    )
