"""The folder and the environment are put back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from ablate.surroundings import restored


def test_what_was_there_is_put_back_and_what_is_new_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHANGED", "REMOVED"):
        monkeypatch.setenv(name, "before")
    monkeypatch.delenv("NEW", raising=False)
    folder = os.getcwd()
    with suppress(KeyError), restored():
        os.chdir(tmp_path)
        monkeypatch.setenv("CHANGED", "after")
        monkeypatch.delenv("REMOVED")
        monkeypatch.setenv("NEW", "new")
        raise KeyError
    assert os.getcwd() == folder
    assert [os.environ[name] for name in ("CHANGED", "REMOVED", "NEW")] == ["before", "before", "new"]
