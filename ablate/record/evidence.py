"""An item of evidence: a cell against dense or a control, on one task or on the mean over all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One comparison of one cell, its seeds joined, on one task or (``task`` None) on the mean over the stage's tasks.

    Which cell:
        model, stage, metric, unit: those of its rows. group: 16 hexadecimal digits, the same for a cell in every stage
            and every run of one recipe, whatever its seeds. cell: what tables call it. granularity, scorer, sparsity:
            as rows have them.
    On what, and by which rule:
        task: None for the mean. margin: how much worse, in ``unit``, is still harmless; None where none is set, and
            then nothing is called harmless or harmful. level: of the tests, in (0, 1). n: pairs counted.
            correction: ``bh``, ``by`` or ``holm``.
    Against what:
        against: ``dense``; ``matched``, the mean of the cell's matched draws; ``trained``, of a trained cell the dense
            model trained alone.
    What was found:
        delta, low, high, se: the difference in ``unit``, the ends of its 95 % bootstrap interval, its standard error.
        p: against dense and trained two-sided, by permutation; against matched one-sided, that a random draw does as
            well. In [0, 1].
        q: p corrected over the stage's cells, against dense and trained of the claim that the cell improves (None
            where that has no test), against matched of the claim that it beats its draws. In [0, 1].
        resamples: bootstrap draws that have a score.
        verdict: ``improves``, ``harmless``, ``harms`` or ``undecided``; None against matched.
        p_harmless: one-sided and not corrected, of the claim that the gain is above minus the margin; None without a
            margin, and against matched.
        smallest_effect: what would have been found with 80 % power, in ``unit``.
        draws, beaten: matched draws, and those of a lower gain; None except against matched.
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
