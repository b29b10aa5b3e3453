"""Writes the pages of docs/ that are made from the code: ``python -m tools.docs`` in the project's folder."""

from __future__ import annotations

from pathlib import Path

from tools.commands import commands_page
from tools.reference import reference_page


def main() -> None:
    for name, text in (("commands", commands_page()), ("reference", reference_page())):
        Path("docs", f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
