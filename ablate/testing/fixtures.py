"""Tiny models and sample data as pytest fixtures. In a test module, or in the topmost ``conftest.py``::

    pytest_plugins = ["ablate.testing.fixtures"]

``tiny`` is a model of each supported family in turn, so that a test which takes it runs once for each; ``tiny_bert``,
``tiny_distilbert``, ``tiny_mpnet``, ``tiny_roberta`` and ``tiny_xlm_roberta`` are one family's; ``calibration`` and
``source`` are a calibration set and a data source. All are made anew for each test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from ablate.data.calibration import Calibration
from ablate.models.architectures import SUPPORTED
from ablate.models.model import Model
from ablate.testing.samples import SampleSource, sample_calibration
from ablate.testing.tiny import tiny_model


@pytest.fixture(params=SUPPORTED)
def tiny(request: pytest.FixtureRequest) -> Model:
    """A tiny model of each family."""
    return tiny_model(cast(str, request.param))


def _of(family: str) -> Callable[[], Model]:
    @pytest.fixture(name=f"tiny_{family.replace('-', '_')}")
    def made() -> Model:
        return tiny_model(family)

    return made


tiny_bert = _of("bert")
tiny_distilbert = _of("distilbert")
tiny_mpnet = _of("mpnet")
tiny_roberta = _of("roberta")
tiny_xlm_roberta = _of("xlm-roberta")


@pytest.fixture
def calibration() -> Calibration:
    return sample_calibration()


@pytest.fixture
def source() -> SampleSource:
    return SampleSource()
