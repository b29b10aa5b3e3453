"""Tiny models and sample data as pytest fixtures. In a test module, or in the topmost ``conftest.py``::

    pytest_plugins = ["ablate.testing.fixtures"]

A test that uses ``tiny`` runs once for each structure of a model that is supported. ``tiny_bert``,
``tiny_distilbert``, ``tiny_mpnet``, ``tiny_roberta`` and ``tiny_xlm_roberta`` are models of one family. ``calibration``
and ``source`` are a calibration set and a data source. All are created anew for each test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from ablate.data.calibration import Calibration
from ablate.models.model import Model
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import SampleSource, sample_calibration
from ablate.testing.tiny import tiny_model


@pytest.fixture(params=STRUCTURES)
def tiny(request: pytest.FixtureRequest) -> Model:
    """A tiny model of each of :data:`~ablate.testing.plugin_contract.STRUCTURES`."""
    return tiny_model(cast(str, request.param))


def _fixture_of(family: str) -> Callable[[], Model]:
    @pytest.fixture(name=f"tiny_{family.replace('-', '_')}")
    def model() -> Model:
        return tiny_model(family)

    return model


# As module attributes, because pytest finds the fixtures of a plug-in there.
tiny_bert = _fixture_of("bert")
tiny_distilbert = _fixture_of("distilbert")
tiny_mpnet = _fixture_of("mpnet")
tiny_roberta = _fixture_of("roberta")
tiny_xlm_roberta = _fixture_of("xlm-roberta")


@pytest.fixture
def calibration() -> Calibration:
    return sample_calibration()


@pytest.fixture
def source() -> SampleSource:
    return SampleSource()
