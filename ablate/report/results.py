"""What :func:`ablate.run` returns: the record of a run, with its tables, figures and exports."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ablate.distribution import pip_install
from ablate.errors import AblateError
from ablate.record import STATUSES, ModelLine, RunRecord, columns
from ablate.report.formats import as_csv, as_json, as_markdown
from ablate.report.frame import as_frame
from ablate.report.latex import as_latex
from ablate.report.layout import build
from ablate.report.summary import CellSummary, summarize

if TYPE_CHECKING:
    import pandas as pd

    from ablate.report.cell import CellResult
    from ablate.report.figures.plots import Plots


class Results(RunRecord):
    """A run's record, with its tables, figures and exports.

    ``rows`` are :class:`~ablate.record.Row`, ``evidence`` holds :class:`~ablate.record.Evidence`, and ``about`` is a
    :class:`~ablate.record.RunAbout`: frozen dataclasses, whose ``to_dict()`` gives plain JSON values.
    """

    @classmethod
    def of(cls, record: RunRecord) -> Results:
        """The results of a run."""
        return cls(record.rows, record.about)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        counts = Counter(row.status for row in self.rows)
        listed = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
        return f"<Results of {', '.join(self.about.models)}: {len(self)} rows ({listed or 'none'})>"

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """The cells of the run, without dense and controls; a cell of several seeds once for each."""
        from ablate.report.some_cells import cells

        return cells(self)

    def __getitem__(self, name: str) -> CellResult:
        """The cell of a name in tables, such as ``head × align 10 %``, or of a key or the beginning of one.

        Raises:
            AblateError: there is no such cell, or there are several: of several models or seeds.
        """
        # Imported here, because it imports numpy and scipy.
        from ablate.report.some_cells import one_cell

        if not isinstance(name, str):
            raise AblateError(f"the name of a cell is of type {type(name).__name__}; give its text in tables, or a key")
        return one_cell(self, name)

    def filter(self, **wanted: str | float | None) -> Results:
        """The results of some of the cells, with those of dense and of their controls. Verdicts stay as they are.

        Args:
            wanted: ``model``, ``stage``, ``granularity``, ``scorer`` or ``sparsity``, as rows have them.

        Raises:
            AblateError: another name, or no cell has these values.
        """
        from ablate.report.some_cells import filtered

        return Results.of(filtered(self, wanted))

    def _repr_html_(self) -> str | None:
        """The tables and the answer, for a notebook. None without jinja2; the notebook then shows ``repr``."""
        from ablate.report.html.notebook import as_notebook

        try:
            return as_notebook(build(self))
        except AblateError:
            return None

    @property
    def plot(self) -> Plots:
        """Figures: ``plot.sparsity()``, ``plot.intervals()`` and more; see :class:`Plots`. Needs Altair."""
        # Imported here, because Altair is an extra.
        from ablate.report.figures.plots import Plots

        return Plots(self)

    @property
    def answer(self) -> str:
        """The answer in words, as ``ablate run`` prints it last: a headline for each model, a line each granularity."""
        # Imported here, because it imports numpy and scipy.
        from ablate.report.answer import answers

        lines = ((one.headline, *map(": ".join, one.by_granularity)) for one in answers(self))
        return "\n".join(line for of_model in lines for line in of_model)

    def summary(self) -> list[CellSummary]:
        """The content of the tables as data: a summary of each cell in each stage, with its seeds and controls.

        ``pandas.DataFrame(results.summary())`` makes a data frame, and ``dataclasses.asdict`` a dict of a summary.
        """
        return list(summarize(self))

    def models(self) -> list[ModelLine]:
        """The best confirmed cell of each model of a run of several: of all cells, by granularity, and by scorer.

        ``pandas.DataFrame(results.models())`` makes a data frame. A model that failed is a line with the ``reason``.
        What is pooled over the models is in ``results.about.over_models.pooled``.

        Returns:
            Empty for a run of one model, and where no cell was judged. If nothing was confirmed, the lines are of the
            screen (``results.about.over_models.stage``).
        """
        over = self.about.over_models
        return list(over.lines) if over else []

    def to_json(self) -> str:
        """One array of rows: strict JSON (no NaN), ASCII, indented by 2."""
        return as_json(self._plain())

    def to_csv(self) -> str:
        """RFC 4180 with a header. Texts that a spreadsheet would run as a formula are disarmed, see :func:`as_csv`.

        Lines end in CRLF, so write it to a file that was opened with ``newline=""``.
        """
        return as_csv(self._plain(), columns(self.rows))

    def to_markdown(self) -> str:
        """The tables of ``ablate run``, in GitHub's Markdown."""
        return as_markdown(build(self))

    def to_latex(self) -> str:
        """The tables of ``ablate run`` in LaTeX; needs the packages booktabs, graphicx and amssymb."""
        return as_latex(build(self))

    def to_parquet(self) -> bytes:
        """A Parquet file of the rows. A column with texts and numbers (a sparsity of ``negative``) has all as text.

        Raises:
            AblateError: pandas or pyarrow is not installed.
        """
        frame = self.to_pandas()
        # A column of a Parquet file has one type.
        for name in frame.columns:
            if len({isinstance(value, str) for value in frame[name].dropna()}) > 1:
                frame[name] = frame[name].map(str, na_action="ignore").astype("string")
        try:
            return frame.to_parquet(None, engine="pyarrow", index=False)
        except ImportError as error:
            raise AblateError(f"to_parquet needs pyarrow: {pip_install('report')}") from error

    def to_pandas(self) -> pd.DataFrame:
        """A data frame of the rows in nullable types: None is ``<NA>``, and a column has the same type in every run.

        Raises:
            AblateError: pandas is not installed.
        """
        try:
            return as_frame(self._plain(), columns(self.rows))
        except ImportError as error:
            raise AblateError(f"to_pandas needs pandas: {pip_install('pandas')}") from error

    def _plain(self) -> list[dict[str, Any]]:
        names = columns(self.rows)
        return [{name: getattr(row, name) for name in names} for row in self.rows]
