"""Checkpoints from which a training can continue, whenever it was killed."""

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
"""How many checkpoints the trainer keeps: the newest, and the best or the one before the newest.

The trainer removes an old one only after it has written a new one, so a kill never leaves no checkpoint.
"""

_MASK = "ablate-mask.safetensors"
_NAME = re.compile(r"checkpoint-(\d+)")


class SaveMask(TrainerCallback):
    """Writes the mask in force into each checkpoint.

    The trainer calls it after it has written everything else, so a checkpoint that has the mask is complete.
    """

    def __init__(self, units: Units) -> None:
        self.units = units

    def on_save(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        assert args.output_dir is not None
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        sizes, packed = pack_units(self.units.masks)
        temporary = folder / f"{_MASK}.tmp"
        tensors = {str(i): bits for i, bits in enumerate(packed)}
        safetensors.numpy.save_file(tensors, temporary, metadata={"units": json.dumps(sizes)})
        # Renamed when it is complete, so that a kill cannot leave half a mask under the final name.
        temporary.rename(folder / _MASK)


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint whose best checkpoint still exists; None if there is none.

    Incomplete checkpoints are removed. A kill leaves them, and the trainer would count them among those it keeps.
    """
    complete = []
    for path in folder.glob("checkpoint-*"):
        step = _NAME.fullmatch(path.name)
        if step is None:
            continue
        if (path / _MASK).is_file():
            complete.append((int(step[1]), path))
        else:
            shutil.rmtree(path)
    for _, path in sorted(complete, reverse=True):
        # Without its best checkpoint, the trainer could not load the best weights at the end.
        best = json.loads((path / "trainer_state.json").read_text())["best_model_checkpoint"]
        if best is None or Path(best).is_dir():
            return path
    return None


def read_mask(checkpoint: Path) -> dict[str, Mask]:
    """The masks that were in force when a checkpoint was written, by the names of their granularities."""
    with safetensors.safe_open(checkpoint / _MASK, "numpy") as file:
        sizes = json.loads(file.metadata()["units"])
        packed = [file.get_tensor(str(i)) for i in range(len(sizes))]
    return unpack_units([(name, size) for name, size in sizes], packed)
