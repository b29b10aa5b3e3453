"""Measures cells' models beside the dense one, and keeps what was found in the store."""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ablate.data.embedded import Embedded
from ablate.export.folder import write_model
from ablate.export.measure import Cost, compare
from ablate.export.smaller import smaller
from ablate.models.device import label
from ablate.models.spec import ModelSpec, Precision
from ablate.printable import number
from ablate.report.stored_cell import Exportable
from ablate.store.keys import digest
from ablate.store.store import Store

SENTENCES = 256
"""How many sentences the models embed."""


@dataclass(frozen=True)
class Timed:
    """What a cell's model and the dense model cost, measured in turn.

    where: the device, its threads and its name.
    """

    cost: Cost
    dense: Cost
    where: str

    @property
    def faster(self) -> float:
        """How many times as fast as dense, by the latency of one sentence."""
        return self.dense.latency / self.cost.latency

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Timed:
        return cls(Cost(**plain["cost"]), Cost(**plain["dense"]), plain["where"])


def stored(cells: Sequence[Exportable], store: Store, precision: Precision) -> list[Timed | None]:
    """What the store has of these cells, measured on a machine like this one."""
    keys = [_key(cell, precision) for cell in cells]
    found = store.get_costs(keys)
    return [Timed.from_plain(found[key]) if key in found else None for key in keys]


def measure(cells: Sequence[Exportable], store: Store, precision: Precision) -> list[Timed]:
    """Measures the cells of one model and the dense model, which take turns, and stores what is found.

    Raises:
        AblateError: a process fails.
    """
    device = cells[0].model.device
    sentences = _sentences()
    with tempfile.TemporaryDirectory(prefix="ablate-") as scratch:
        specs = [cells[0].spec]
        for number, cell in enumerate(cells):
            backbone = smaller(cell.model, cell.keep)
            nn.Module.to(backbone, "cpu")
            write_model(cell.spec, cell.model.encoding.prompt, backbone, Path(scratch) / str(number))
            specs.append(ModelSpec(name=str(Path(scratch) / str(number))))
        dense, *costs = compare(specs, sentences, device, precision)
    where = f"{label(device)} in {precision}, {_threads()}, {_processor()}"
    timed = [Timed(cost, dense, where) for cost in costs]
    store.put_costs({_key(cell, precision): asdict(one) for cell, one in zip(cells, timed, strict=True)})
    return timed


def _key(cell: Exportable, precision: Precision) -> str:
    return digest(
        {
            "stage": "cost",
            "model": cell.model.hash,
            "encoding": cell.model.encoding.as_dict(),
            "mask": cell.mask.hash,
            "trained": cell.mask.about.get("trained"),
            "device": label(cell.model.device),
            "threads": torch.get_num_threads(),
            "processor": _processor(),
            "torch": torch.__version__,
            "precision": precision,
            "sentences": hashlib.sha256("\n".join(_sentences()).encode()).hexdigest(),
        }
    )


def _sentences() -> tuple[str, ...]:
    return tuple(Embedded().load("synthetic").sentences[:SENTENCES])


def _threads() -> str:
    count = torch.get_num_threads()
    return number(count, "thread")


def _processor() -> str:
    """The name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
