"""MTEB's tasks by name: ``mteb:STSBenchmark``, or a group, ``mteb:MTEB(eng, v2):STS``.

mteb is imported only when a recipe names a task, since that takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ablate.plugin_api import Found, ResultWriter, Scored, TaskFinder, hookimpl

ablate_api = 3

PREFIX = "mteb"


def find(name: str) -> Found:
    """The tasks that a name with the prefix stands for. Raises PluginError: it is unknown, or not supported."""
    from ablate_mteb.names import find as find_in_mteb

    return find_in_mteb(name)


@hookimpl
def ablate_register_task_finders(register: Callable[[TaskFinder], None]) -> None:
    register(TaskFinder(PREFIX, "a task or a benchmark of MTEB, such as mteb:STSBenchmark", find))


def result_files(model: str, scored: Sequence[Scored]) -> Mapping[str, str]:
    """MTEB's result files of an exported cell."""
    if not any(type(one.task).__module__.startswith(f"{__name__}.") for one in scored):
        return {}
    from ablate_mteb.results import files

    return files(model, scored)


@hookimpl
def ablate_register_result_writers(register: Callable[[ResultWriter], None]) -> None:
    register(result_files)
