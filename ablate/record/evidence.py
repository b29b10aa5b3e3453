"""An item of evidence: a cell compared with dense or a control, on one task or on the mean over all tasks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One comparison of one cell (all seeds together) on one task, or on the mean over the stage's tasks.

    Which cell:
        model, stage, metric, unit: as in its rows. group: 16 hexadecimal digits, the same for a cell in every stage and
            every run of one recipe, whatever its seeds. cell: its name in tables. granularity, scorer, sparsity: as in
            its rows.
    On what, and by which rule:
        task: None for the mean. margin: how much worse, in ``unit``, still counts as harmless; None if none is set, and
            then nothing is called harmless or harmful. level: of the tests, in (0, 1). n: pairs counted.
            correction: ``bh``, ``by`` or ``holm``.
    Against what:
        against: ``dense``; ``matched``, the mean of the cell's matched draws; ``trained``, the dense model trained
            alone, for a trained cell.
    What was found:
        delta, low, high, se: the difference in ``unit``, the ends of its 95 % bootstrap interval, its standard error.
        p: in [0, 1]. Against dense and trained: two-sided, by permutation. Against matched: one-sided, that a random
            draw does as well.
        q: in [0, 1], corrected over the stage's cells. Against dense and trained: of the claim that the cell improves
            (None if that is not tested). Against matched: of the claim that it beats its draws.
        resamples: bootstrap draws that have a score.
        verdict: ``improves``, ``harmless``, ``harms`` or ``undecided``; None against matched.
        p_harmless: one-sided and not corrected, of the claim that the gain is above minus the margin; None without a
            margin, and against matched.
        smallest_effect: the effect that would have been found with 80 % power, in ``unit``.
        draws, beaten: how many matched draws there are, and how many have a lower gain; None except against matched.
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
    p: float
    q: float | None
    resamples: int
    verdict: str | None
    p_harmless: float | None
    smallest_effect: float
    draws: int | None
    beaten: int | None
