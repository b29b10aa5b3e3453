"""The fixtures that plug-in authors get."""

from __future__ import annotations

import pytest

from ablate.data.calibration import Calibration
from ablate.models.model import Model
from ablate.testing.samples import SampleSource

pytest_plugins = ["ablate.testing.fixtures"]


def family_of(model: Model) -> str:
    return str(model.backbone.config.model_type)  # type: ignore[union-attr]


def test_a_tiny_model_of_each_family_in_turn(tiny: Model, request: pytest.FixtureRequest) -> None:
    assert family_of(tiny) == request.node.callspec.params["tiny"]


@pytest.mark.parametrize("family", ["bert", "distilbert", "mpnet", "roberta", "xlm-roberta"])
def test_one_for_each_family_by_name(family: str, request: pytest.FixtureRequest) -> None:
    assert family_of(request.getfixturevalue(f"tiny_{family.replace('-', '_')}")) == family


def test_what_scorers_and_tasks_look_at(calibration: Calibration, source: SampleSource) -> None:
    assert calibration.sentences
    assert len(source.load("sample")) == 20
