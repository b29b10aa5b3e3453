"""Which device a recipe means, and what a device that is not there costs: one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ablate.errors import ModelError, RecipeError
from ablate.models.device import CPU, DeviceFull, exact_float32, full_means, label, out_of_memory, resolve, wide
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plan.job import prepare_job
from ablate.recipe.recipe import load_recipe
from ablate.testing.pretended import PRETENDED, pretended_device
from ablate.testing.tiny import save_tiny


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """A machine that says that it has so many GPUs."""
    count: int = request.param
    monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: f"GPU of {device}")
    return count


@pytest.mark.parametrize(
    ("gpus", "asked", "device"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (1, "auto", "cuda:0"),
        (2, "auto", "cuda:0"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
        (2, "cpu", "cpu"),
    ],
    indirect=["gpus"],
)
def test_the_device_that_is_meant(gpus: int, asked: str, device: str) -> None:
    found = resolve(asked)
    assert str(found) == device
    assert label(found) == (device if device == "cpu" else f"{device} (GPU of {device})"), gpus


@pytest.mark.parametrize(
    ("gpus", "asked", "text"),
    [
        (0, "cuda", "cuda: there is no CUDA GPU that torch can use"),
        (1, "cuda:1", "cuda:1: there is 1 GPU (cuda:0)"),
        (2, "cuda:3", "cuda:3: there are 2 GPUs (cuda:0, cuda:1)"),
        (0, "mps", "mps: there is no Apple GPU that torch can use"),
    ],
    indirect=["gpus"],
)
def test_a_device_that_is_not_there(gpus: int, asked: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        resolve(asked)
    assert str(error.value) == f"{text}; use auto, or name a device that is there", gpus
    # Before weights load: the model is not even there.
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"model: nowhere\nscorers: [align]\ngranularities: [head]\nsparsities: [0.1]\ndevice: {asked}\n")
    with pytest.raises(RecipeError) as refused:
        prepare_job(*load_recipe(recipe))
    assert str(refused.value) == f"{recipe}:5:1: device: {error.value}"
    with pytest.raises(RecipeError) as refused:
        prepare_job(*load_recipe(recipe, device=asked))
    assert str(refused.value) == f"device: {error.value}"


@pytest.mark.parametrize("asked", ["gpu", "cuda:", "cuda:-1", "cuda:01", "CPU", 0])
def test_what_is_no_device(asked: object, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"model: m\nscorers: [align]\ngranularities: [head]\nsparsities: [0.1]\ndevice: {asked!r}\n")
    with pytest.raises(RecipeError, match=r"r.yaml:5:1: a device is auto, cpu, cuda, cuda:N .*, not "):
        load_recipe(recipe)
    with pytest.raises(RecipeError, match=r"^device: a device is auto, cpu, cuda, cuda:N "):
        load_recipe(recipe, ["device=cpu"], device="gpu")


def test_a_model_has_the_same_hash_on_every_device(tmp_path: Path) -> None:
    spec = ModelSpec(name=str(save_tiny(tmp_path / "model")))
    here = load_model(spec)
    sentences = ["a dog runs", "the cat", ""]
    expected = encode(here, prepare(here, sentences))
    with pretended_device():
        there = load_model(spec, PRETENDED)
        assert there.device == PRETENDED
        found = encode(there, prepare(there, sentences))
    assert (there.hash, there.encoding) == (here.hash, here.encoding)
    assert torch.equal(found, expected)


def test_full_memory_is_said_in_one_line() -> None:
    errors = [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory (MPS allocated)")]
    for error in errors:
        assert out_of_memory(error)
        with pytest.raises(DeviceFull, match="^make room$"), full_means("make room"):
            raise error
    with pytest.raises(RuntimeError, match="^another$"), full_means("make room"):
        raise RuntimeError("another")


def test_long_sums_have_the_widest_type_that_the_device_has() -> None:
    assert wide(CPU) == wide(torch.device("cuda", 0)) == torch.float64
    assert wide(torch.device("mps")) == torch.float32


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_tf32_is_off_inside_and_as_before_afterwards(precision: str) -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        owners = (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
        asked = [owner.fp32_precision for owner in owners], torch.backends.cuda.matmul.allow_tf32
        with exact_float32():
            assert {owner.fp32_precision for owner in owners} <= {"ieee", "none"}
            with exact_float32():
                pass
            assert {owner.fp32_precision for owner in owners} <= {"ieee", "none"}
        assert ([owner.fp32_precision for owner in owners], torch.backends.cuda.matmul.allow_tf32) == asked
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)


def test_it_is_off_while_a_model_encodes(tmp_path: Path) -> None:
    model = load_model(ModelSpec(name=str(save_tiny(tmp_path / "model"))))
    seen = []
    model.backbone.get_submodule("embeddings").register_forward_pre_hook(
        lambda *_: seen.append(torch.backends.mkldnn.matmul.fp32_precision)  # type: ignore[attr-defined]
    )
    torch.set_float32_matmul_precision("medium")
    try:
        encode(model, prepare(model, ["a dog"]))
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == ["ieee"]
