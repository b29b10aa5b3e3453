r"""A page of tables as LaTeX, with booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.printable import visible
from ablate.report.table import Page, Table, TableCell

PREAMBLE = r"% needs \usepackage{booktabs,graphicx,amssymb}"

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    # TeX joins two of these into another sign (-- into a dash), and takes a bracket or a star after \\ for its option.
    **{char: f"{{{char}}}" for char in "-`'[]*" + '"'},
    "Δ": r"$\Delta$",
    "χ": r"$\chi$",
    "²": r"$^2$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "▲": r"$\blacktriangle$",
    "▼": r"$\blacktriangledown$",
    "△": r"$\vartriangle$",
    "▽": r"$\triangledown$",
    "●": r"$\bullet$",
    "○": r"$\circ$",
    "■": r"$\blacksquare$",
    "□": r"$\square$",
    "◆": r"$\blacklozenge$",
    "◇": r"$\lozenge$",
    "→": r"$\rightarrow$",
}


def as_latex(page: Page) -> str:
    r"""A page as ``table`` environments. The best entries are in bold, and wide tables are shrunk to the line.

    Characters of TeX's syntax are escaped. The lines above and below the tables of the page are comments. Letters of
    other than European languages need LuaLaTeX or XeLaTeX with a font that has them.
    """
    parts = ["\n".join([PREAMBLE, *map(_comment, page.head)])]
    for block in page.blocks:
        if block.heading:
            parts.append(f"\\subsection*{{{escape(block.heading)}}}")
        parts += [_table(table) for table in block.tables]
    parts.append("\n".join(map(_comment, (*page.foot, *page.code))))
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Text that TeX prints as it is, without control characters (see :func:`~ablate.report.formats.visible`)."""
    # One pass over the characters, so that the backslashes that one replacement inserts are not escaped by another.
    return "".join(_ESCAPED.get(char, char) for char in visible(text))


def _comment(line: str) -> str:
    return f"% {visible(line)}"


def _table(table: Table) -> str:
    columns = "".join("l" if column.stub else "r" for column in table.columns)
    lines = [_line([TableCell(column.title) for column in table.columns]), r"\midrule"]
    for line in table.lines:
        lines += [r"\midrule"] if line.new else []
        lines.append(_line(line.cells))
    legend = (f"Bold: {table.legend}.",) if table.legend else ()
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{escape(table.title)}}}",
            # Its own width, or that of the line if the table is wider.
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}}",
            *(
                rf"\par\smallskip\footnotesize {escape(note)}"
                for note in (" ".join([*table.notes, *table.glossary, *legend]),)
                if note
            ),
            r"\end{table}",
        ]
    )


def _line(cells: Sequence[TableCell]) -> str:
    texts = [escape(cell.text) for cell in cells]
    marked = [rf"\textbf{{{text}}}" if cell.best else text for text, cell in zip(texts, cells, strict=True)]
    return " & ".join(marked) + r" \\"
