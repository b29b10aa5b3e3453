"""How many layers need not run again, by granularity and sparsity: from the masks of the newest run of a store.

    python benchmarks/lower_layers.py ablate.db

For each cell it counts the lowest layers that its mask leaves whole, which are replayed if an earlier cell has begun
there. Prints a Markdown table: the mean share of all layers, over the cells of a row.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from statistics import fmean

import torch
from ablate.export.cell import granularities_of

from ablate.engine.lower_layers import unchanged_layers
from ablate.granularities.units import Units
from ablate.models.load import load_model
from ablate.plan.manifest import model_names
from ablate.plugins import registry
from ablate.recipe.recorded import recorded_recipe
from ablate.record import RunRecord
from ablate.store.store import Store


def main() -> None:
    with Store(sys.argv[1]) as store:
        run = store.runs()[-1].id
        record = RunRecord.from_plain(store.rows(run), store.about(run))
        recipe = recorded_recipe(record.about.recipe)
        specs = dict(zip(model_names(recipe.model), recipe.model, strict=True))
        models = {name: load_model(spec, torch.device("cpu")) for name, spec in specs.items()}
        shares: defaultdict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
        for row in record.rows:
            keys = store.mask_keys(row.key)
            mask = store.get_mask(keys[0]) if keys else None
            if mask is None or not mask.hash:
                continue
            model = models[row.model]
            keep = Units.of(mask.units, granularities_of(recipe, registry())).keep(model)
            changed = {name: kept for name, kept in keep.items() if not kept.all()}
            share = unchanged_layers(model, changed) / len(model.architecture.layers)
            kind = row.control or ("random" if row.scorer == "random" else "chosen by a scorer")
            shares[str(row.granularity), f"{row.sparsity:g}", kind][row.key] = share
    print("| granularity | sparsity | units | cells | layers that need not run |")
    print("|---|--:|---|--:|--:|")
    for (granularity, sparsity, kind), of_cells in sorted(shares.items()):
        mean = fmean(of_cells.values())
        print(f"| {granularity} | {float(sparsity):.0%} | {kind} | {len(of_cells)} | {mean:.0%} |")


if __name__ == "__main__":
    main()
