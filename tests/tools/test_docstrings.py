"""Docstrings as Markdown, written out by hand and rendered as the site does."""

from __future__ import annotations

import markdown  # type: ignore[import-untyped]

from tools.docstrings import prose

DOCSTRING = """The rank of each unit, as :func:`numpy.argsort` gives it;
    a * b_ is no emphasis.

    units: bool [units], ``True`` = keep;
        a second line.
    layer, head: numbers from 0.

    Args:
        seed: of the draw.

    Raises:
        PluginError: there is <none>.
    """


def test_paragraphs_lists_and_code_are_rendered() -> None:
    assert prose(DOCSTRING) == "\n\n".join(
        [
            r"The rank of each unit, as `numpy.argsort` gives it; a \* b\_ is no emphasis.",
            "* `units`: bool [units], `True` = keep; a second line.\n* `layer, head`: numbers from 0.",
            "Arguments:",
            "* `seed`: of the draw.",
            "Raises:",
            "* `PluginError`: there is &lt;none>.",
        ]
    )
    page = markdown.markdown(prose(DOCSTRING))
    assert "<li><code>units</code>: bool [units], <code>True</code> = keep; a second line.</li>" in page
    assert "a * b_ is no emphasis" in page
    assert "there is &lt;none&gt;." in page


def test_a_sentence_with_a_colon_is_no_list() -> None:
    assert prose("Two things: one,\nand another.") == "Two things: one, and another."
