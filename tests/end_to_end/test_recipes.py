"""Every shipped recipe is dry-run on every source: it gives a plan, or one line says which data set is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ablate.cli import app
from ablate.data.senteval import SUBSETS
from ablate.errors import RecipeError
from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(ROOT.glob("recipes/*.yaml"))
LACKED_BY_EMBEDDED = {
    "gates.yaml",
    "gates-controls.yaml",
    "gates-ways.yaml",
    "groups.yaml",
    "headline.yaml",
    "models.yaml",
    "parts.yaml",
}
"""These name standard sets."""
CLASSES = {
    "MR/rt-polarity": ("neg", "pos"),
    "CR/custrev": ("neg", "pos"),
    "SUBJ/subj": ("subjective", "objective"),
    "MPQA/mpqa": ("neg", "pos"),
}


@pytest.fixture(scope="module")
def senteval(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few items of every set."""
    folder = tmp_path_factory.mktemp("senteval")
    for seed, name in enumerate(("stsb", "stsb-dev", "stsb-train", "sickr", "sickr-dev", "sickr-train")):
        write_set(folder, name, pairs(seed, 600, low=1.0 if name.startswith("sick") else 0.0))
    for year, subsets in SUBSETS.items():
        for number, subset in enumerate(subsets):
            made = pairs(100 * int(year[3:]) + number, 20)
            files = folder / "STS" / f"STS{year[3:]}-en-test"
            files.mkdir(parents=True, exist_ok=True)
            (files / f"STS.input.{subset}.txt").write_text("".join(f"{a}\t{b}\n" for a, b, _ in made))
            (files / f"STS.gs.{subset}.txt").write_text("".join(f"{gold}\n" for *_, gold in made))
    for stem, endings in CLASSES.items():
        for ending in endings:
            file = folder / f"{stem}.{ending}"
            file.parent.mkdir(exist_ok=True)
            file.write_text("".join(f"{ending} {a}\n" for a, *_ in pairs(7, 20)))
    for part in ("train", "dev", "test"):
        file = folder / "SST" / "binary" / f"sentiment-{part}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{part} {a}\t{i % 2}\n" for i, (a, *_) in enumerate(pairs(8, 20))))
    (folder / "TREC").mkdir()
    for name in ("train_5500", "TREC_10"):
        lines = (f"{('LOC', 'NUM')[i % 2]}:x {a}\n" for i, (a, *_) in enumerate(pairs(9, 20)))
        (folder / "TREC" / f"{name}.label").write_text("".join(lines))
    (folder / "MRPC").mkdir()
    for part in ("train", "test"):
        lines = (f"{i % 2}\t1\t2\t{a}\t{b}\n" for i, (a, b, _) in enumerate(pairs(10, 20)))
        (folder / "MRPC" / f"msr_paraphrase_{part}.txt").write_text("Quality\ta\tb\tc\td\n" + "".join(lines))
    return folder


@pytest.mark.parametrize("source", ["embedded", "senteval"])
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_every_recipe_is_dry_run_on_every_source(
    recipe: Path, source: str, senteval: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = save_tiny(tmp_path / "model", layers=6)
    data = f"senteval:{senteval}" if source == "senteval" else source
    arguments = ["run", str(recipe), "--dry-run", "--data", data, "--set", f"model={model}"]
    ran = CliRunner().invoke(app, [*arguments, "--set", "calibration.pairs=64", "--set", "calibration.sentences=64"])
    if source == "embedded" and recipe.name in LACKED_BY_EMBEDDED:
        assert isinstance(ran.exception, RecipeError), ran.output
        assert "is not in the source 'embedded (synthetic)'" in str(ran.exception)
        return
    assert ran.exception is None, ran.output
    assert "cells" in ran.output
