"""The lowest versions are the bounds of pyproject.toml, without torch, exact versions and the tools of development."""

from __future__ import annotations

from tools.lowest import PROJECT, lowest

TEXT = """
[project]
dependencies = ["torch>=2.6", "numpy>=2.0"]

[project.optional-dependencies]
model = ["a-model==0.1.0"]
postgres = ["psycopg[binary]>=3.2.1", "numpy>=2.0"]
dev = ["own[model]", "pytest>=8.3"]
"""


def test_each_bound_is_an_exact_version_once() -> None:
    assert list(lowest(TEXT)) == ["numpy==2.0", "psycopg==3.2.1"]


def test_every_dependency_of_the_package_has_one() -> None:
    assert len(list(lowest(PROJECT.read_text()))) > 25
