"""``--device`` and ``--precision`` on every command that runs a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workplace import RECIPE, Workplace


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    made = Workplace(tmp_path, monkeypatch, capsys)
    Path(FILE).write_text(RECIPE)
    return made


FILE = "recipe.yaml"
ABSENT = "cuda:7: there is no CUDA GPU that torch can use; use auto, or name a device that is there"


@pytest.mark.parametrize("command", ["run", "prevalence", "stability"])
def test_a_device_that_is_not_there_is_one_line(place: Workplace, command: str) -> None:
    done = place(command, FILE, "--device", "cuda:7")
    assert (done.code, done.out) == (2, "")
    assert done.err.strip().splitlines()[-1].endswith(f"--device: {ABSENT}")


def test_compare_and_train_too(place: Workplace) -> None:
    done = place("compare", "--scorers", "magnitude", "--model", "model", "--device", "cuda:7")
    assert done.code == 2
    assert done.err.strip().endswith(f"--device: {ABSENT}")
    done = place("train", FILE, "--set", "train.steps=1", "--device", "cuda:7")
    assert done.code == 2
    assert done.err.strip().endswith(f"--device: {ABSENT}")


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--device", "gpu", "a device is auto, cpu, cuda, cuda:N (a number from 0) or mps, not"),
        ("--precision", "bf32", "--precision: "),
    ],
)
def test_a_value_that_there_is_not(place: Workplace, option: str, value: str, text: str) -> None:
    done = place("run", FILE, option, value)
    assert done.code == 2
    assert text in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_export_and_doctor_refuse_it_before_the_model_loads(place: Workplace) -> None:
    assert place("run", FILE).code == 0
    done = place("export", "head × align 25 %", "-o", "small", "--device", "cuda:7")
    assert done.code == 2
    assert f"--device: {ABSENT}" in done.err
    done = place("export", "head × align 25 %", "-o", "small", "--precision", "bf32")
    assert done.code == 2
    assert "--precision: 'bf32' is no precision; use float32, bf16, fp16" in done.err
    done = place("doctor", "--verify", "1", "--device", "cuda:7")
    assert done.code == 2
    assert f"--device: {ABSENT}" in done.err


def test_a_run_says_which_device_and_what_the_precision_changes(place: Workplace) -> None:
    done = place("run", FILE, "--precision", "bf16")
    assert done.code == 0
    assert "device: cpu (auto: there is no CUDA GPU that torch can use)" in done.err
    assert "device: cpu, evaluated in bf16" in done.out
    assert "Evaluated in bf16: on dense, scores differ" in " ".join(done.out.split())
    verified = place("doctor", "--verify", "3")
    assert "3 equal within 0.02" in " ".join(verified.out.split())
