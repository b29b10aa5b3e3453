"""An item of evidence: a cell compared with dense or a control, on one task or on the mean over all tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ablate.record.plain import OMITTED
from ablate.record.sample import Samples

JUDGMENT = 3
"""The rules by which cells are judged; raised when a verdict or a p-value means something else than before."""

OF_EVIDENCE: tuple[str, ...] = (
    "low",
    "high",
    "p_different",
    "q_harms",
    "q_improves",
    "q_better",
    "q_harmless",
    "q_worse",
    "verdict",
    "mean_verdict",
    "smallest_improves",
    "smallest_better",
)
"""What a row has of the evidence on it."""

_OTHER_RULES = (
    "an ablate with other rules for verdicts has judged these cells; give the command that made the run again, which"
    " judges them anew and computes nothing that the store has"
)


def judged_alike(
    rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]:
    """A stored record as it is, or without its evidence where that was found by other rules than these.

    Its verdicts would otherwise be read in today's words.
    """
    if about.get("evidence") is None or about.get("judgment") == JUDGMENT:
        return rows, about
    statistics = about.get("statistics") or {}
    withheld = {**statistics, "withheld": [*statistics.get("withheld", ()), _OTHER_RULES]}
    bare = [{**row, **dict.fromkeys(OF_EVIDENCE)} for row in rows]
    return bare, {**about, "evidence": None, "over_models": None, "judgment": None, "statistics": withheld}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One comparison of one cell (all seeds together) on one task, or on the mean over the stage's tasks.

    Which cell:
        model, stage, metric, unit: as in its rows. group: 16 hexadecimal digits, the same for a cell in every stage and
            every run of one recipe, whatever its seeds. cell: its name in tables. granularity, scorer, sparsity: as in
            its rows. dim: as in its rows; left out of the plain record where it is None.
    On what, and by which rule:
        task: None for the mean. margin: how much worse, in ``unit``, still counts as harmless; None if none is set, and
            then nothing is called harmless or harmful. level: of the tests, in (0, 1). n: pairs counted.
            correction: ``bh``, ``by`` or ``holm``.
    Against what:
        against: ``dense``; ``matched``, the mean of the cell's matched draws; ``searched``, that of the best masks of
            random searches with as many evaluations on dev as found the cell; of a trained cell also ``trained``, the
            dense model trained alone, and ``random``, the random masks trained alike.
    What was found:
        delta, low, high, se: the difference in ``unit``, the ends of its 95 % bootstrap interval, its standard error.
        p_different: two-sided, by permutation, of the claim that the two differ; None against random masks.
            studentized: whether the test divides each difference by its own standard error.
        p_beats: one-sided, of the claim that the cell beats random units; None except
            against those: matched, searched and random.
        p_harmless: one-sided, of the claim that the gain is above minus the margin; None without a margin.
        q_harms, q_improves, q_better, q_harmless, q_worse, q_beats: the p of each claim, corrected over the stage's
            cells (:data:`ablate.statistics.verdict.Claim` says what is claimed). None where it was not tested: of the
            first five, against matched and random; q_beats, against dense and trained.
        untested: why ``improves`` has no test; None where it has.
        resamples: bootstrap draws that have a score.
        verdict: ``harms``, ``improves``, ``better``, ``harmless``, ``worse`` or ``undecided``; None against matched and
            random. harmed: of a mean over several tasks those whose own verdict is ``harms``.
        smallest_improves, smallest_better: the true gain over dense, in ``unit``, that would be found to improve, and
            to be better, with 80 % power, with the draws made (with all draws, where they may stop early) and the p of
            the other cells as they are. None where the claim was not tested or no gain could be found, and against
            matched and random.
        draws, beaten: random draws, and those of a lower gain; None against dense and trained. draws_asked: how many
            matched draws would have been made, had they not stopped early; left out of the plain record where they
            could not stop. p_beats holds whenever they stopped.
        samples: of a mean over several sets against dense, the delta per family of sets, and intervals over sets and
            over components of pairs that share a sentence; otherwise None, and in a record of an older ablate.
    All p and q are in [0, 1].
    """

    model: str
    stage: str
    metric: str
    unit: str
    group: str
    cell: str
    granularity: str | None
    scorer: str | None
    sparsity: float | str | None

    task: str | None
    margin: float | None
    level: float
    n: int
    correction: str

    against: str

    delta: float
    low: float
    high: float
    se: float
    p_different: float | None
    studentized: bool | None
    p_beats: float | None
    p_harmless: float | None
    q_harms: float | None
    q_improves: float | None
    q_better: float | None
    q_harmless: float | None
    q_worse: float | None
    q_beats: float | None
    untested: str | None
    resamples: int
    verdict: str | None
    harmed: tuple[str, ...]
    smallest_improves: float | None
    smallest_better: float | None
    draws: int | None
    beaten: int | None
    samples: Samples | None = None
    draws_asked: int | None = field(default=None, metadata=OMITTED)
    dim: int | None = field(default=None, metadata=OMITTED)

    @property
    def said(self) -> str | None:
        """The verdict with the tasks that are harmed: ``improves; harms sickr``."""
        if self.verdict is None or not self.harmed:
            return self.verdict
        return f"{self.verdict}; harms {', '.join(self.harmed)}"

    @property
    def q_verdict(self) -> float | None:
        """The corrected p of the claim that the verdict makes; None of ``undecided``, and where there is none."""
        q: float | None = getattr(self, f"q_{self.verdict}", None)
        return q
