"""The record of a run: what is written of it, and what is read of an older one's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ablate.record import FIELDS, Manifest, ModelHashes, Row, RunAbout, RunRecord, TrainingData
from tests.report_rows import a_run, about, judged, row

ASKED: dict[str, Any] = {
    "models": ["minilm"],
    "data": "senteval",
    "data_why": "named",
    "screen": ["stsb-dev", "align-dev"],
    "choosing": ["stsb-dev"],
    "confirm": ["sts12"],
    "tasks": {"trec": {"solver": "senteval"}},
    "overlap": "drop",
    "training": None,
    "exploratory": False,
    "command": None,
    "recipe": {"model": "minilm", "seeds": [0]},
    "versions": {"python": "3.12"},
}
BEGUN = {**ASKED, "store": "s.db", "run": "r1", "panels": {}, "timings": {}, "cached": 0, "computed": 0, "failed": 0}


def manifest() -> Manifest:
    return Manifest(
        models=("minilm",),
        data="senteval",
        data_why="named",
        screen=("stsb-dev", "align-dev"),
        choosing=("stsb-dev",),
        confirm=("sts12",),
        tasks={"trec": {"solver": "senteval"}},
        overlap="drop",
        training=None,
        exploratory=False,
        command=None,
        recipe={"model": "minilm", "seeds": [0]},
        versions={"python": "3.12"},
    )


def test_a_manifest_says_null_of_what_there_is_none_of() -> None:
    made = manifest().to_dict()
    assert made == ASKED
    assert list(made) == list(ASKED)


def test_what_is_not_known_yet_is_left_out() -> None:
    made = RunAbout.begun(manifest(), "s.db", "r1").to_dict()
    assert made == BEGUN
    assert list(made) == list(BEGUN)


def test_no_map_is_not_the_same_as_maps_that_were_not_made() -> None:
    made = replace(RunAbout.begun(manifest(), "s.db", "r1"), maps=(), agreement=())
    assert made.to_dict() == {**BEGUN, "maps": [], "agreement": []}


def test_a_whole_record_comes_back_as_it_was() -> None:
    results = judged(a_run())
    hashes, training = {"minilm": ModelHashes("ab", "cd")}, TrainingData(9, "pairs", "file", "ef", 3)
    whole = replace(results.about, hashes=hashes, training=training, maps=(), statistics={"withheld": ["x: y"]})
    again = RunRecord.from_plain([made.to_dict() for made in results.rows], whole.to_dict())
    assert (again.rows, again.about) == (results.rows, whole)
    assert again.evidence == results.evidence
    assert again.about.withheld == ("x: y",)


def test_an_older_record_is_read() -> None:
    older = {name: value for name, value in about().to_dict().items() if name not in ("data_why", "command")}
    made = RunAbout.from_dict(older)
    assert (made.data_why, made.command, made.training, made.maps, made.withheld) == (None, None, None, None, ())
    assert made.chosen_on == made.screen == ("stsb-dev",)
    assert made.clean
    plain = row().to_dict()
    for name in ("way", "train_seed", "result", "smallest_better"):
        del plain[name]
    assert Row.from_dict(plain) == row()


def test_a_row_that_is_not_one_is_refused() -> None:
    with pytest.raises(ValueError, match="^steps: is absent$"):
        RunRecord.from_plain([{name: value for name, value in row().to_dict().items() if name != "steps"}], BEGUN)
    with pytest.raises(ValueError, match="^score: is 'high', not integer or number or null$"):
        Row.from_dict(row().to_dict() | {"score": "high"})


def test_a_row_has_its_fields_in_their_order_and_none_beyond() -> None:
    made = row()
    assert tuple(made.to_dict()) == FIELDS
    assert tuple(Row.from_dict(dict(reversed(made.to_dict().items())) | {"color": "red"}).to_dict()) == FIELDS


def test_a_gain_is_above_0_where_the_cell_is_better() -> None:
    made = row(delta=-0.5, delta_clean=0.25)
    assert (made.gain_on(clean=False), made.gain_on(clean=True)) == (-0.5, 0.25)
    loss = replace(made, higher_is_better=False)
    assert (loss.gain_on(clean=False), loss.gain_on(clean=True)) == (0.5, -0.25)
    assert (made.delta_on(True), made.score_on(True), made.dense_on(True)) == (
        made.delta_clean,
        made.score_clean,
        made.dense_clean,
    )
    assert row(delta_clean=None).gain_on(clean=True) is None
