"""Checkpoints of a training that may be killed at any moment."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import safetensors.numpy
from transformers import TrainerCallback, TrainerState, TrainingArguments

from ablate.granularities.units import Units
from ablate.models.masked import Mask
from ablate.store.arrays import pack_units, unpack_units

KEPT = 2
"""Checkpoints that stay beside the best: the newest may be half written when a kill comes."""

_MASK = "ablate-mask.safetensors"
_NAME = re.compile(r"checkpoint-(\d+)")


class KeepMask(TrainerCallback):
    """Writes the mask in force into each checkpoint, last of all: one that has it is whole."""

    def __init__(self, units: Units) -> None:
        self.units = units

    def on_save(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        assert args.output_dir is not None
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        sizes, bits = pack_units(self.units.masks)
        temporary = folder / f"{_MASK}.tmp"
        tensors = {str(i): one for i, one in enumerate(bits)}
        safetensors.numpy.save_file(tensors, temporary, metadata={"units": json.dumps(sizes)})
        temporary.rename(folder / _MASK)


def newest(folder: Path) -> Path | None:
    """The newest checkpoint that is whole, and whose best one is there; those that are not whole are removed."""
    found = []
    for path in folder.glob("checkpoint-*"):
        number = _NAME.fullmatch(path.name)
        if number is None:
            continue
        if not (path / _MASK).is_file():
            shutil.rmtree(path)
            continue
        found.append((int(number[1]), path))
    for _, path in sorted(found, reverse=True):
        best = json.loads((path / "trainer_state.json").read_text())["best_model_checkpoint"]
        if best is None or Path(best).is_dir():
            return path
    return None


def mask_of(checkpoint: Path) -> dict[str, Mask]:
    """The masks in force at a checkpoint, by the names of their granularities."""
    with safetensors.safe_open(checkpoint / _MASK, "numpy") as file:
        sizes = json.loads(file.metadata()["units"])
        bits = [file.get_tensor(str(i)) for i in range(len(sizes))]
    return unpack_units([(name, size) for name, size in sizes], bits)
