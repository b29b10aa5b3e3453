"""The tests of a module are found by its path: ``ablate/engine/select.py`` has ``tests/engine/test_select*.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
OF_NO_MODULE = {"end_to_end", "faults", "docs", "test_layout.py"}
"""What tests several folders, the pages, and the tests themselves."""

FILES = [
    path.relative_to(TESTS)
    for path in sorted(TESTS.rglob("test_*.py"))
    if path.relative_to(TESTS).parts[0] not in OF_NO_MODULE
]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_test_file_names_a_module_or_its_folder(file: Path) -> None:
    tested = ROOT / file.parent if file.parts[0] == "tools" else ROOT / "ablate" / file.parent
    names = {path.stem.strip("_") for path in tested.iterdir()} | {tested.name}
    subject = file.stem.removeprefix("test_")
    assert any(subject == name or subject.startswith(f"{name}_") for name in names), sorted(names)
