"""``python -m ablate_mteb NAME …`` fetches the data of tasks to the cache, from which runs read them."""

from __future__ import annotations

import sys

from ablate.plugin_api import PluginError
from ablate_mteb import find


def main(names: list[str]) -> int:
    """Fetches what the names stand for. Returns the exit status."""
    from ablate_mteb.base import MtebTask
    from ablate_mteb.data import NotCached, load

    if not names:
        print("usage: python -m ablate_mteb mteb:STSBenchmark …", file=sys.stderr)
        return 2
    try:
        found = [find(name) for name in names]
    except PluginError as error:
        print(f"ablate_mteb: {error}", file=sys.stderr)
        return 2
    failed = 0
    for task in dict.fromkeys(task for each in found for task in each.tasks):
        assert issubclass(task, MtebTask)
        try:
            load(task.mteb_name, task.subset, task.mteb_split, offline=False)
        except NotCached as error:
            print(f"ablate_mteb: {task.name}: {error}", file=sys.stderr)
            failed = 1
        else:
            print(f"{task.name}: in the cache")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
