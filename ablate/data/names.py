"""The built-in data sets and groups, by name, whatever source they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "sts12": "SemEval 2012 STS",
        "sts13": "SemEval 2013 STS",
        "sts14": "SemEval 2014 STS",
        "sts15": "SemEval 2015 STS",
        "sts16": "SemEval 2016 STS",
        "stsb": "STS Benchmark",
        "stsb-dev": "STS Benchmark",
        "stsb-train": "STS Benchmark",
        "sickr": "SICK relatedness",
        "sickr-dev": "SICK relatedness",
        "sickr-train": "SICK relatedness",
        "mr": "movie reviews",
        "cr": "customer reviews",
        "subj": "subjectivity",
        "mpqa": "opinion polarity",
        "sst2": "Stanford sentiment",
        "trec": "kinds of question",
        "mrpc": "paraphrases",
        "synthetic": "made by ablate",
        "synthetic-dev": "made by ablate",
        "synthetic-train": "made by ablate",
        "synthetic-tense": "made by ablate",
    }
)
"""Every built-in data set of any source -> what it is, in a few words."""

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("sts12", "sts13", "sts14", "sts15", "sts16", "stsb", "stsb-dev", "stsb-train"), "SemEval"),
        **dict.fromkeys(("sickr", "sickr-dev", "sickr-train"), "SICK"),
        # SST was made from the sentences of MR.
        **dict.fromkeys(("mr", "sst2"), "movie reviews"),
        **dict.fromkeys(("synthetic", "synthetic-dev", "synthetic-train", "synthetic-tense"), "synthetic"),
    }
)
"""Built-in data set -> its family: sets whose sentences come from one source. Each other set is a family of its own."""

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sts": ("sts12", "sts13", "sts14", "sts15", "sts16", "stsb", "sickr"),
        "sts-dev": ("stsb-dev",),
        "sts-train": ("stsb-train",),
        "transfer": ("mr", "cr", "subj", "mpqa", "sst2", "trec", "mrpc"),
    }
)
"""Task groups on SentEval data. Those of STS exist on Hub data too. The embedded source has its own."""

GEOMETRY: tuple[str, ...] = ("align-dev", "uniform-dev")
"""The group ``geometry``, the same on every source. These tasks have no data sets of their own."""


def split_of(name: str) -> str:
    """The split of a built-in data set, by its name: ``train``, ``dev`` or ``test``."""
    for split in ("train", "dev"):
        if name.endswith(f"-{split}"):
            return split
    return "test"


def name_at(task: str, dim: int | None) -> str:
    """The name of a task at a dimension, such as ``stsb@128``."""
    return task if dim is None else f"{task}@{dim}"


def plain_name(name: str) -> str:
    """The inverse of :func:`name_at`: the name of the task, whatever the dimension."""
    return re.sub(r"@[1-9][0-9]*$", "", name)
