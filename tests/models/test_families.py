"""The registry of families: what is not supported, and plug-ins that must not stop other models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from ablate.errors import ModelError, PluginError
from ablate.models import pruned
from ablate.models.architectures import family_of, supported
from ablate.models.families import with_family
from ablate.models.families.bert import Bert
from ablate.models.families.deberta import Deberta
from ablate.plugins import Entry, registry
from ablate.testing.tiny import tiny_model


class Brt(Bert):
    name: ClassVar[str] = "brt"


@pytest.fixture
def with_strangers() -> Iterator[None]:
    ours = list(registry().entries)
    registry().entries.extend(Entry("architecture", plugin, "their-dist 4.5.6") for plugin in (Brt, Bert))
    yield
    registry().entries[:] = ours


def test_an_unknown_architecture_is_told_the_nearest_and_all() -> None:
    with pytest.raises(ModelError) as error:
        family_of("bart", "mine")
    assert str(error.value) == (
        "model 'mine': architecture 'bart' is not supported (the nearest that is: 'bert'); "
        f"supported: {', '.join(supported())}; a plug-in can add one, see docs/plugins.md"
    )
    with pytest.raises(ModelError, match="architecture 'zamba2' is not supported; supported: bert, "):
        family_of("zamba2", "mine")


def test_a_family_stands_for_another_of_its_name_inside_a_block() -> None:
    class Mine(Bert):
        help: ClassVar[str] = "mine"

    with with_family(Mine()), with_family(Brt()):
        assert isinstance(family_of("bert", "x"), Mine)
        assert isinstance(family_of("brt", "x"), Brt)
        assert supported()[-1] == "brt"
    assert type(family_of("bert", "x")) is Bert
    assert "brt" not in supported()


@pytest.mark.usefixtures("with_strangers")
def test_two_families_of_one_name_are_an_error_for_this_name_alone() -> None:
    with pytest.raises(PluginError, match="architecture 'bert' is registered by ablate-embeddings .* their-dist 4.5.6"):
        family_of("bert", "mine")
    assert family_of("roberta", "mine").name == "roberta"
    assert supported().count("bert") == 1


@pytest.mark.usefixtures("with_strangers")
def test_a_family_that_transformers_lacks_and_two_of_one_name_stop_no_other_model() -> None:
    before = dict(pruned.TYPES)
    # As when the module is imported.
    pruned._register_all()
    assert before == pruned.TYPES
    assert "roberta" in before


def test_talking_heads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that others read is not removed by its own weights."""
    sized = Deberta.sized
    monkeypatch.setattr(Deberta, "sized", lambda *sizes: {**sized(*sizes), "talking_head": True})
    with pytest.raises(ModelError, match=r"'encoder.layer.0' has talking heads"):
        tiny_model("deberta")
