"""Where the costs of models are measured, as the options of ``export`` and ``choose`` say."""

from __future__ import annotations

from typing import cast

import torch

from ablate.errors import ModelError
from ablate.models.device import resolve
from ablate.models.precision import check_precision
from ablate.models.spec import Precision


def measured_on(asked: str, precision: str | None) -> tuple[torch.device, Precision]:
    """The device, and the precision, float32 unless one is given.

    Raises:
        ModelError: there is no such device, or it lacks the precision. The message begins with the option.
    """
    try:
        device = resolve(asked)
    except ModelError as error:
        raise ModelError(f"--device: {error}") from None
    wanted = cast(Precision, precision or "float32")
    try:
        check_precision(wanted, device)
    except ModelError as error:
        raise ModelError(f"--precision: {error}") from None
    return device, wanted
