"""What a run finds of several models together: on how many a claim holds, and the gains pooled over them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModelLine:
    """The best confirmed cell of one model, of one granularity, by one scorer, or of all.

    model, lineage: its name in rows, and what it descends from.
    by: ``granularity``, ``scorer`` or ``all``. name: of the granularity (``several steps`` for such cells) or of the
        scorer; ``all`` of all cells.
    reason: why the model has no such cell; all that follows is None or 0 then.
    cells: how many cells there are, controls and trained cells not counted. improving, harmless: how many of them have
        the verdict ``improves``, and how many have ``improves``, ``better`` or ``harmless``.
    cell, group, granularity, scorer, sparsity: the cell with the highest gain, as :class:`~ablate.record.Evidence` has
        them. delta, low, high, verdict, harmed: its evidence against dense, on the mean over the tasks.
    first, first_group, first_delta, first_low, first_high: the cell that was first on the screen tasks that choose, or
        the only one there is: nothing about it was chosen on the pairs that report. None if the screen tells no first.
    depth: granularity -> the share of the best cell's removed units in the first, middle and last third of the layers;
        None if it is not known.
    """

    model: str
    lineage: str
    by: str
    name: str
    reason: str | None
    cells: int
    improving: int
    harmless: int
    cell: str | None = None
    group: str | None = None
    granularity: str | None = None
    scorer: str | None = None
    sparsity: float | str | None = None
    delta: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str | None = None
    harmed: tuple[str, ...] = ()
    first: str | None = None
    first_group: str | None = None
    first_delta: float | None = None
    first_low: float | None = None
    first_high: float | None = None
    depth: dict[str, tuple[float, ...]] | None = None

    @property
    def said(self) -> str | None:
        """The verdict with the tasks that are harmed: ``improves; harms sickr``."""
        if self.verdict is None or not self.harmed:
            return self.verdict
        return f"{self.verdict}; harms {', '.join(self.harmed)}"


@dataclass(frozen=True, kw_only=True)
class Held:
    """Where a claim holds: on how many ``models``, on every model of how many ``lineages``, and on ``some`` but not all
    models of how many further ones."""

    models: int
    lineages: int
    some: int


@dataclass(frozen=True, kw_only=True)
class PooledGain:
    """The mean over lineages of the mean gain over the models of each, in the unit of the tasks; above 0 is better.

    low, high, se: its 95 % interval and standard error, by a bootstrap in which all models have the same pairs.
    resamples: how many draws have a score. optimistic: whether a cell of some model was picked on these pairs; else
        each is the model's ``first``.
    """

    gain: float
    low: float
    high: float
    se: float
    resamples: int
    optimistic: bool


@dataclass(frozen=True, kw_only=True)
class Signs:
    """A two-sided sign test over lineages: ``above`` of ``lineages`` gain. p, and q, corrected over the tests of the
    same ``by`` (Holm)."""

    above: int
    lineages: int
    p: float
    q: float


@dataclass(frozen=True, kw_only=True)
class PooledLine:
    """What is found of all models with a cell of one granularity, by one scorer, or of any kind.

    by, name: as in :class:`ModelLine`. models, lineages: how many there are.
    improves: where a confirmed cell has the verdict ``improves``. harmless: where one has that, ``better`` or
        ``harmless``.
    pooled: None if most draws lack a score. signs: None where ``untested`` says why.
    depth: the mean over lineages of :attr:`ModelLine.depth`, where it is known of every model.
    """

    by: str
    name: str
    models: int
    lineages: int
    improves: Held
    harmless: Held
    pooled: PooledGain | None
    signs: Signs | None
    untested: str | None
    depth: dict[str, tuple[float, ...]] | None = None


@dataclass(frozen=True, kw_only=True)
class OverModels:
    """What a run of several models finds of them together.

    stage: ``confirm``; or ``screen`` if nothing was confirmed: then the lines have the screen's cells, and ``pooled``
        is empty, since no answer comes from the pairs that chose.
    metric, unit, higher_is_better, tasks: of the scores. A delta is a mean over the tasks.
    lines: by model. pooled: first of all cells, then by granularity, then by scorer.
    """

    stage: str
    metric: str
    unit: str
    higher_is_better: bool
    tasks: tuple[str, ...]
    lines: tuple[ModelLine, ...]
    pooled: tuple[PooledLine, ...]

    def of(self, by: str) -> tuple[ModelLine, ...]:
        """The lines of one kind."""
        return tuple(line for line in self.lines if line.by == by)
