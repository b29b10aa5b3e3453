"""From names to tasks of MTEB.

A name is ``mteb:TASK``, ``mteb:TASK[SUBSET]``, either with ``:SPLIT``, or a group: ``mteb:BENCHMARK`` or
``mteb:BENCHMARK:TYPE``. A task of several subsets is a group of them; MTEB's score of it is their mean.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

from ablate.plugin_api import Found, PluginError, Task
from ablate_mteb.quiet import quietly

try:
    import mteb
except ImportError as error:
    raise PluginError(f"tasks named 'mteb:…' need mteb, which cannot be imported ({error}); install mteb") from error
from mteb.abstasks.abstask import AbsTask
from mteb.abstasks.aggregated_task import AbsTaskAggregate
from mteb.benchmarks.get_benchmark import get_benchmark

from ablate_mteb.base import MtebTask
from ablate_mteb.tasks import KINDS, made, refusal

_DEV = {"validation": "dev", "dev": "dev", "val": "dev", "train": "train"}
"""MTEB's split -> ablate's. Every other one is a test split."""


@cache
def find(name: str) -> Found:
    """The tasks that a name stands for.

    Raises:
        PluginError: MTEB has no such task, benchmark, subset or type, or ablate cannot measure it.
    """
    head, _, rest = name.removeprefix("mteb:").partition(":")
    with quietly():
        if head in _benchmarks():
            return _of_benchmark(head, rest)
        return _of_task(head, rest)


def _of_task(head: str, split: str) -> Found:
    name, subset = re.fullmatch(r"(.*?)(?:\[([^\]]*)\])?", head).groups()  # type: ignore[union-attr]
    if name not in _tasks():
        raise PluginError(f"MTEB {mteb.__version__} has no task or benchmark '{name}'; {_near(name)}")
    task = mteb.get_task(name)
    if why := refusal(task):
        raise PluginError(f"'mteb:{name}' {why}")
    if subset is not None and subset not in task.hf_subsets:
        near = _nearest(subset, task.hf_subsets)
        raise PluginError(f"'mteb:{name}' has no subset '{subset}'; {near}")
    if subset is not None and not isinstance(task, AbsTaskAggregate):
        task.hf_subsets = [subset]
    return Found(tuple(_classes(task, split)))


def _of_benchmark(name: str, kind: str) -> Found:
    tasks = list(get_benchmark(name).tasks)
    kinds = sorted({task.metadata.type for task in tasks})
    if kind and kind not in kinds:
        raise PluginError(f"'{name}' of MTEB has no tasks of type '{kind}'; {_nearest(kind, kinds)}")
    wanted = [task for task in tasks if not kind or task.metadata.type == kind]
    left_out = [(task, why) for task in wanted if (why := refusal(task))]
    without = {task.metadata.name for task, _ in left_out}
    members = tuple(c for task in wanted if task.metadata.name not in without for c in _classes(task, ""))
    if not members:
        task, why = left_out[0]
        raise PluginError(f"'mteb:{_shown(name, kind)}' has no task that ablate measures: {task.metadata.name} {why}")
    return Found(tuple(dict.fromkeys(members)), _note(name, kind, left_out))


def _note(name: str, kind: str, left_out: list[tuple[AbsTask, str]]) -> str:
    """Which members of a group are left out: types by their number, others by name."""
    if not left_out:
        return ""
    types = Counter(task.metadata.type for task, _ in left_out if task.metadata.type not in KINDS)
    named = [task.metadata.name for task, _ in left_out if task.metadata.type in KINDS]
    parts = [*(f"{count} {kind}" for kind, count in types.items()), *named]
    return f"mteb:{_shown(name, kind)}: ablate cannot measure and leaves out {', '.join(parts)}"


def _shown(name: str, kind: str) -> str:
    return f"{name}:{kind}" if kind else name


def _classes(task: AbsTask, split: str) -> Iterator[type[Task]]:
    """The classes of a task: one for each of its subsets and evaluation splits, or for the split that is named."""
    if isinstance(task, AbsTaskAggregate):
        for member in task.tasks:
            yield from _classes(member, split)
        return
    name, subsets = task.metadata.name, list(task.hf_subsets)
    # A task that has one subset is that subset. Of another, names have it also where a benchmark has only one.
    several = len(task.metadata.hf_subsets) > 1
    own = list(task.eval_splits)
    if split:
        splits = [split]
    elif "test" in own or len(own) == 1:
        splits = ["test" if "test" in own else own[0]]
    else:
        splits = own
    for subset in subsets:
        for each in splits:
            in_name = bool(split) or len(splits) > 1
            shown = f"mteb:{name}{f'[{subset}]' if several else ''}{f':{each}' if in_name else ''}"
            yield made(shown, name, subset, each, _DEV.get(each, "test") if in_name else "test")


def class_of(name: str) -> type[MtebTask]:
    """The class of a task by its own name. It is how another process makes it."""
    (task,) = find(name).tasks
    assert issubclass(task, MtebTask)
    return task


@cache
def _tasks() -> frozenset[str]:
    from mteb.get_tasks import TASK_LIST

    return frozenset(task.metadata.name for task in TASK_LIST)


@cache
def _benchmarks() -> frozenset[str]:
    benchmarks = mteb.get_benchmarks()
    return frozenset(name for each in benchmarks for name in (each.name, *(each.aliases or ())))


def _near(name: str) -> str:
    return _nearest(name, _tasks() | _benchmarks(), "mteb.get_tasks() lists them")


def _nearest(name: str, valid: Iterable[str], otherwise: str = "") -> str:
    names = {each.lower(): each for each in sorted(valid)}
    close = difflib.get_close_matches(name.lower(), names, n=1)
    if close:
        return f"did you mean '{names[close[0]]}'?"
    return otherwise or f"valid: {', '.join(names.values())}"
