"""What :func:`ablate.choose` returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ablate.errors import AblateError
from ablate.export import choice_page
from ablate.export.choose import Choice
from ablate.report.cell import CellResult
from ablate.report.html.notebook import as_notebook
from ablate.report.results import Results

if TYPE_CHECKING:
    from ablate.report.figures.figure import Figure


@dataclass(frozen=True)
class CellChoice:
    """The cell that :func:`ablate.choose` has chosen, and those among which it has chosen.

    At the end of a notebook cell it is shown as its table.
    """

    _results: Results = field(repr=False)
    _choice: Choice = field(repr=False)
    _store: str = field(repr=False)
    _several_models: bool = field(repr=False)

    def __repr__(self) -> str:
        return f"<CellChoice: {self.answer}>"

    @property
    def cell(self) -> CellResult | None:
        """The chosen cell, for :func:`ablate.masked` and more; None if no limit was given, or none holds it."""
        chosen = self._choice.chosen
        return None if chosen is None else self._results[chosen.candidate.row.key]

    @property
    def answer(self) -> str:
        """What was chosen, its gain and its cost, in words; or why nothing was, and what comes nearest."""
        said = choice_page.answer(self._choice)
        return said[0] if said else f"Nothing is chosen: {choice_page.unmet(self._choice)}."

    @property
    def command(self) -> str | None:
        """The command line that exports the chosen cell; None if none was chosen."""
        chosen = self._choice.chosen
        return None if chosen is None else choice_page.command(chosen, *self._where)

    @property
    def chart(self) -> Figure:
        """Gains against parameters, file size and latency. Needs Altair."""
        return choice_page.chart(self._choice)

    def to_dict(self) -> dict[str, Any]:
        """All numbers as JSON values, as ``ablate choose --format json`` prints them.

        ``pandas.DataFrame(choice.to_dict()["cells"])`` is a data frame of the candidates.
        """
        return choice_page.plain(self._choice, *self._where)

    def _repr_html_(self) -> str | None:
        try:
            return as_notebook(replace(choice_page.page(self._choice, *self._where), head=(self.answer,)))
        except AblateError:  # without jinja2 the notebook shows repr
            return None

    @property
    def _where(self) -> tuple[str, str, bool]:
        return self._results.about.run, self._store, self._several_models
