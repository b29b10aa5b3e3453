"""The answer over all models of a run in sentences, from what was confirmed."""

from __future__ import annotations

from ablate.printable import number
from ablate.record import Held, OverModels, PooledLine
from ablate.report.over_models import NOTHING_CONFIRMED, depth_said, interval, no_p, places, same_lineages
from ablate.report.prevalence_text import listed
from ablate.report.table import Answer
from ablate.report.verdicts import p_value
from ablate.report.wording import signed


def answer_over(over: OverModels) -> Answer:
    """On how many models a cell improves, what the gain is over them, and where the removed units are."""
    count = len({line.model for line in over.lines})
    name = "both models" if count == 2 else f"all {count} models"
    failed = [line.model for line in over.lines if line.reason is not None]
    lacking = f" Without {listed(failed)}, for the reasons in the table." if failed else ""
    if not over.pooled:
        return Answer(name, f"{NOTHING_CONFIRMED} The recipe's confirm lists tasks that report.{lacking}", ())
    every, *others = over.pooled
    plain = same_lineages(over)
    on = over.tasks[0] if len(over.tasks) == 1 else f"the mean of {len(over.tasks)} tasks"
    headline = (
        f"A confirmed cell improves {_holds(every.improves, every, plain)}; one is harmless or better"
        f" on {_holds(every.harmless, every, plain)}. Judged on {on}.{lacking}"
        f" {_pooled(over, every)}{_signs(every)}"
    )
    found = [
        (line.name if line.by == "granularity" else f"by {line.name}", _sentences(over, line, plain)) for line in others
    ]
    return Answer(name, headline, tuple(found))


def _holds(claim: Held, line: PooledLine, plain: bool) -> str:
    """``4 of 6 models (of 3 lineages: every model of 2, some models of 1)``."""
    models, lineages = number(line.models, "model"), number(line.lineages, "lineage")
    if claim.models in (0, line.models):
        of = "" if plain else f" of {lineages}"
        return f"{'each' if claim.models else 'none'} of {models}{of}"
    if plain:
        return f"{claim.models} of {models}"
    of_lineages = [f"every model of {claim.lineages}"] if claim.lineages else []
    of_lineages += [f"some models of {claim.some}"] if claim.some else []
    return f"{claim.models} of {models} (of {lineages}: {', '.join(of_lineages)})"


def _pooled(over: OverModels, line: PooledLine) -> str:
    gain = line.pooled
    if gain is None:
        return "The gain over models is undefined: most resamples of the pairs lack a score."
    digits = places(over)
    said = f"{signed(gain.gain, digits)} {over.unit} [{interval(gain.low, gain.high, digits)}]"
    if gain.optimistic:
        return f"The best cells gain {said} on the mean over lineages, which is optimistic: these pairs picked them."
    return f"The cells that were first on dev gain {said} on the mean over lineages."


def _signs(line: PooledLine) -> str:
    if line.signs is None:
        return f" No p-value over models: {no_p(line)}."
    return (
        f" {line.signs.above} of {line.signs.lineages} lineages gain (two-sided sign test, q {p_value(line.signs.q)})."
    )


def _sentences(over: OverModels, line: PooledLine, plain: bool) -> str:
    signs = "" if line.signs is None else _signs(line)
    depth = "".join(
        f" Of the {name} units that the best cells remove, {depth_said(shares)} % are in the first, middle and last"
        " third of the layers."
        for name, shares in (line.depth or {}).items()
    )
    return (
        f"a cell improves {_holds(line.improves, line, plain)}; one is harmless or better"
        f" on {_holds(line.harmless, line, plain)}. {_pooled(over, line)}{signs}{depth}"
    )
