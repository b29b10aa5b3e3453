"""Gives MTEB local data in place of the Hub's, by repository, at the revision that it asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import mteb
import mteb.abstasks.abstask
import mteb.abstasks.retrieval_dataset_loaders as loaders
import pytest
from datasets import Dataset, DatasetDict, DatasetInfo, SplitDict, SplitInfo, Version
from datasets.arrow_writer import ArrowWriter
from sentence_transformers import SentenceTransformer

from ablate.data.embedded import Embedded
from ablate.data.items import ItemSet

STS, SICK, PAIRS = "mteb/stsbenchmark-sts", "mteb/sickr-sts", "mteb/sprintduplicatequestions-pairclassification"
CLASSES, TOXIC, QUERIES = "mteb/banking77", "mteb/toxic_conversations_50k", "mteb/nfcorpus"
RERANKING = "mteb/AskUbuntuDupQuestions"

Hub = dict[str, DatasetDict]
"""Repository, for retrieval followed by / and the configuration -> its splits."""


def feed(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> list[tuple[str, str]]:
    """Returns what is loaded: repository and revision."""
    loaded: list[tuple[str, str]] = []

    def load(path: str, config: str | None = None, *, revision: str, split: str | None = None, **_: Any) -> Any:
        loaded.append((path, revision))
        key = f"{path}/{config}" if config else path
        if key not in hub:
            raise FileNotFoundError(f"no {key} in the cache")
        return hub[key] if split is None else hub[key][split]

    def configs(path: str, revision: str) -> list[str]:
        loaded.append((path, revision))
        return [key.removeprefix(f"{path}/") for key in hub if key.startswith(f"{path}/")]

    def splits(path: str, config_name: str, **_: Any) -> list[str]:
        return list(hub[f"{path}/{config_name}"])

    monkeypatch.setattr(mteb.abstasks.abstask, "load_dataset", load)
    monkeypatch.setattr(loaders, "load_dataset", load)
    monkeypatch.setattr(loaders, "get_dataset_config_names", configs)
    monkeypatch.setattr(loaders, "get_dataset_split_names", splits)
    return loaded


def unfeed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives MTEB the real functions of `datasets` again."""
    monkeypatch.setattr(mteb.abstasks.abstask, "load_dataset", datasets.load_dataset)
    for name in ("load_dataset", "get_dataset_config_names", "get_dataset_split_names"):
        monkeypatch.setattr(loaders, name, getattr(datasets, name))


def into_cache(cache: Path, repository: str, revision: str, hub: Hub) -> None:
    """Writes the sets of a repository as `datasets` keeps them after a download."""
    for key in [key for key in hub if key == repository or key.startswith(f"{repository}/")]:
        config = key.removeprefix(repository).removeprefix("/") or "default"
        name = repository.partition("/")[2]
        folder = cache / repository.replace("/", "___").lower() / config / "0.0.0" / revision
        folder.mkdir(parents=True)
        splits = SplitDict(dataset_name=name.lower())
        for split, data in hub[key].items():
            writer = ArrowWriter(path=str(folder / f"{name.lower()}-{split}.arrow"), features=data.features)
            for row in data:
                writer.write(row)
            examples, size = writer.finalize()
            splits[split] = SplitInfo(split, num_bytes=size, num_examples=examples, dataset_name=name.lower())
        features = next(iter(hub[key].values())).features
        about = {"builder_name": "parquet", "dataset_name": name.lower(), "config_name": config}
        DatasetInfo(features=features, version=Version("0.0.0"), splits=splits, **about).write_to_directory(folder)


def small() -> Hub:
    """A set for each type, of ablate's embedded sentences."""
    dev, test = (Embedded().load(name) for name in ("synthetic-dev", "synthetic"))
    tense = Embedded().load("synthetic-tense")
    labels = [f"class {int(gold)}" for gold in tense.gold]
    classes = Dataset.from_dict({"text": [text for (text,) in tense.texts], "label": labels})
    hub: Hub = {
        STS: DatasetDict(test=pairs(test, 120), validation=pairs(dev, 90)),
        SICK: DatasetDict(test=pairs(dev, 60)),
        PAIRS: DatasetDict(test=labeled(test, 100)),
        CLASSES: DatasetDict(train=classes.select(range(60)), test=classes.select(range(60, 180))),
    }
    return hub | queries(QUERIES, test) | queries(RERANKING, dev, ranked=True)


def pairs(data: ItemSet, count: int) -> Dataset:
    """Pairs with scores."""
    columns = {"sentence1": data.left[:count], "sentence2": data.right[:count], "score": data.gold[:count]}
    return Dataset.from_dict({name: list(column) for name, column in columns.items()})


def labeled(data: ItemSet, count: int) -> Dataset:
    """Pairs with labels, all in one row, as older sets of MTEB have them."""
    labels = [int(gold > 3) for gold in data.gold[:count]]
    return Dataset.from_dict(
        {"sent1": [list(data.left[:count])], "sent2": [list(data.right[:count])], "labels": [labels]}
    )


def queries(repository: str, data: ItemSet, ranked: bool = False) -> Hub:
    """Of each similar pair the first text as a query; the corpus is all second texts, some with a title."""
    similar = [i for i in range(150) if data.gold[i] > 3][:40]
    rows = {
        "corpus": {
            "id": [f"d{i}" for i in range(150)],
            "title": ["About" if i % 3 == 0 else "" for i in range(150)],
            "text": [data.right[i] for i in range(150)],
        },
        "queries": {"id": [f"q{i}" for i in similar], "text": [data.left[i] for i in similar]},
        "default": {
            "query-id": [f"q{i}" for i in similar for _ in range(2)],
            "corpus-id": [f"d{j}" for i in similar for j in (i, (i + 1) % 150)],
            "score": [grade for i in similar for grade in (2, int(i % 2))],
        },
    }
    if ranked:
        candidates = [[f"d{(i + step) % 150}" for step in range(12)] for i in similar]
        rows["top_ranked"] = {"query-id": [f"q{i}" for i in similar], "corpus-ids": candidates}
    return {f"{repository}/{name}": DatasetDict(test=Dataset.from_dict(each)) for name, each in rows.items()}


def own_run(model: SentenceTransformer, name: str, split: str = "test") -> float:
    """The main score of MTEB's own run, in points."""
    task = mteb.get_task(name, eval_splits=[split])
    found = mteb.evaluate(model, task, cache=None, encode_kwargs={"show_progress_bar": False}, show_progress_bar=False)
    return 100 * float(found.task_results[0].get_score(splits=[split]))


def with_settings(folder: Path, settings: dict[str, Any]) -> Path:
    """Changes config_sentence_transformers.json of a model's folder."""
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))
    return folder
