"""Recipes with faults: random changes of good recipes, and names with one edit. Each follows from its seed alone."""

from __future__ import annotations

import io
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))

EVERY_KEY = b"""\
model: {name: minilm, pooling: mean, prompt: "query: ", max_length: 64, trust_remote_code: false}
data: senteval
calibration: {pairs: 64, sentences: 64, graded: 64, splits: [stsb-train], batch_size: 16, positives: gold}
scorers: [{scorer: align, label: mine, sign: signed}, {scorer: magnitude}, random]
granularities: [head, {granularity: neuron}]
sparsities: [0.1, 0.2]
scopes: [global, layer]
seeds: [0, 1]
steps: 2
cells:
  - - {granularity: [head, neuron], scorer: align, sparsity: {head: 0.2, neuron: 0.1}, scope: layer, steps: 2}
    - {granularity: unstructured, scorer: {scorer: random}, sparsity: 0.5, seed: 3}
  - - {granularity: head, scorer: uniform, sparsity: 0.1, search: {name: swap, border: 2, most: 3}}
controls: {matched: 9, screened: 2, searched: 1, flipped: true, control_seed: 4, stop_early: false}
screen: [stsb-dev, mine]
confirm: {tasks: [stsb], cells: best}
tasks: {mine: {kind: sts, file: 7.csv, columns: {first: left, score: gold}, split: dev, metric: pearson}}
overlap: keep
statistics: {correction: bh, margins: {stsb: 0.5}}
executor: {name: in-process}
device: cpu
precision: float32
truncate_dims: [64, 128]
evaluate: {racing: false, racing_margin: 0.2, racing_seed: 1}
stability: {calibration_seeds: [0, 1, 2], sizes: [64, 128], batch_sizes: [16, 32]}
prevalence: {groups: {neuron: 48, head: null}, by: magnitude, confirm: [stsb], effect: 0.05}
train: {splits: [stsb-train], ways: [gradual, rewind], gradual: {prunings: 4, until: 0.5}, steps: 10, head: mlp,
        optimizer: adamw, precision: float32, train_seeds: [0, 1]}
"""
"""A recipe of every section, most of it in flow style, so that a change may hit any of them."""

SOURCES = [
    *(
        re.sub(rb"(confirm|tasks): (\[sts[, a-z]*\]|all)", rb"\1: [stsb]", path.read_bytes())
        for path in RECIPES
        if path.name != "transfer.yaml"
    ),
    *[EVERY_KEY] * 4,
]
"""Good recipes, which are content with the data sets that the tests have."""

_HUGE = (10**9, 10**30, -(10**18), 1e308, -1, 0, float("inf"), float("nan"), 2**63, 10**4000)
_ODD: tuple[Any, ...] = (None, True, False, "", " ", "\u202e", "naïve \U0001f600", "x" * 5000, "a\x1b[31mb", "minilm", "align", 0.5, 7,
        [], {}, [[]], {"a": {"b": 1}}, [None], "~", "/dev/zero", "/dev/null", "../..", "sts", "-0", "0x1F", "1e3",
        "2001-01-01", "2001-13-45", "12:30:45", "a" * 300, "scorer", "NaN", "\ud83c", "./no/such")  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """A value of a tree: the mapping or list that has it, and its key there."""

    inside: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.inside[self.key]


def spots(tree: Any) -> Iterator[Spot]:
    """Every value of a tree."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield Spot(tree, key)
        if isinstance(tree[key], dict | list):
            yield from spots(tree[key])


def mutated(seed: int) -> bytes:
    """A recipe with one to three random changes, of its values or of its bytes."""
    chance = random.Random(seed)
    content = chance.choice(SOURCES)
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(_CHANGES)(chance, content)
    return content


def _of_tree(change: Callable[[random.Random, Spot], None]) -> Callable[[random.Random, bytes], bytes]:
    def of_bytes(chance: random.Random, content: bytes) -> bytes:
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = chance.random() < 0.3
        try:
            tree = yaml.load(content)
            change(chance, chance.choice(list(spots(tree))))
            file = io.BytesIO()
            yaml.dump(tree, file)
        except Exception:  # an earlier change of the bytes; then this is one of them too
            return _flip(chance, content)
        return file.getvalue()

    return of_bytes


def _put(spot: Spot, value: Any) -> None:
    spot.inside[spot.key] = value


def _huge(chance: random.Random, spot: Spot) -> None:
    _put(spot, chance.choice(_HUGE))


def _odd(chance: random.Random, spot: Spot) -> None:
    _put(spot, chance.choice(_ODD))


def _delete(chance: random.Random, spot: Spot) -> None:  # noqa: ARG001
    del spot.inside[spot.key]


def _wrap(chance: random.Random, spot: Spot) -> None:
    value = spot.value
    for _ in range(chance.choice((1, 2, 40, 150))):
        value = [value] if chance.random() < 0.5 else {"name": value}
    _put(spot, value)


def _repeat(chance: random.Random, spot: Spot) -> None:
    _put(spot, [spot.value] * chance.choice((2, 50, 3000)))


def _rename(chance: random.Random, spot: Spot) -> None:
    if isinstance(spot.inside, dict):
        spot.inside[chance.choice((edited(chance, str(spot.key)), 3, None, True, 1.5, ""))] = spot.inside.pop(spot.key)


def _move(chance: random.Random, spot: Spot) -> None:
    if isinstance(spot.inside, dict):
        spot.inside[chance.choice(("model", "scorers", "cells", "tasks", "confirm", "train", "controls"))] = spot.value


def _at(content: bytes, chance: random.Random) -> int:
    return chance.randrange(len(content) + 1)


def _insert(chance: random.Random, content: bytes) -> bytes:
    at = _at(content, chance)
    return content[:at] + chance.choice(_INSERTED) + content[at:]


def _flip(chance: random.Random, content: bytes) -> bytes:
    at = _at(content, chance)
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def _cut(chance: random.Random, content: bytes) -> bytes:
    at = _at(content, chance)
    return content[:at] if chance.random() < 0.5 else content[:at] + content[at + chance.randint(1, 30) :]


def _line(chance: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    at = chance.randrange(len(lines))
    kind = chance.randrange(6)
    if kind == 0:  # a duplicate key
        lines.insert(at, lines[at])
    elif kind == 1:
        lines[at] = b"\t" + lines[at]
    elif kind == 2:
        lines[at] = lines[at].replace(b": ", b": " + chance.choice((b"!!python/object:os.system ", b"!x ", b"!!int ",
                                      b"!!float ", b"!!binary ", b"!!set ", b"!!omap ", b"!!timestamp ", b"&a ", b"*a ",
                                      b"!!str ", b"!!bool ", b"!!null ", b"!!merge ", b"| ", b"> ", b"? ", b"- ")), 1)  # fmt: skip
    elif kind == 3:
        lines[at] = lines[at].replace(b": ", b":", 1)
    elif kind == 4:
        lines[at] = b"x: &x [1, *x]\n<<: *x"
    else:
        lines[at] = b" " + lines[at]
    return b"\n".join(lines)


def _whole(chance: random.Random, content: bytes) -> bytes:
    return chance.choice(_WHOLE)(content)


_INSERTED = (b"\0", b"\xff", b"\t", b"\xef\xbb\xbf", "\u2028".encode(), "\u202e".encode(), b"[" * 300, b"{a: " * 200, b"'",
             b'"', b"&a ", b"*a ", b"!!", b"%", b"@", b"`", b"\r", b"---\n", b"...\n", b"<<: ", b": ", b"- ", b"# ",
             b"\x1b[2J", b"\x85", "é".encode(), "\U0001f600".encode(), b"9" * 5000, b"1_000", b"0o17", b"=", b"|2\n", b"? ",
             b"%YAML 9.9\n---\n", b"%TAG ! x\n")  # fmt: skip
_WHOLE: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: b"\xef\xbb\xbf" + content,
    lambda content: content.replace(b"\n", b"\r\n"),
    lambda content: content.replace(b"\n", b"\r"),
    lambda content: content.decode("utf-8", "replace").encode("utf-16"),
    lambda content: content + content,
    lambda content: b"- " + content.replace(b"\n", b"\n  "),
    lambda content: b"a: &a [x, x]\nb: &b [*a, *a]\n" + content,
    lambda content: b"%YAML 1.1\n---\n" + content,
    lambda content: b"base: &base {pairs: 3}\n" + content + b"\n<<: *base\n",
)
_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *map(_of_tree, (_huge, _huge, _odd, _odd, _delete, _wrap, _repeat, _rename, _move)),
    *(_insert, _flip, _cut, _line, _line, _whole),
)


def edited(chance: random.Random, word: str) -> str:
    """The word with one edit that a finger makes: a letter twice, left out, exchanged, or replaced."""
    at = chance.randrange(len(word))
    kind = chance.randrange(4)
    if kind == 0:
        return word[:at] + word[at] + word[at:]
    if kind == 1 and len(word) > 2:
        return word[:at] + word[at + 1 :]
    if kind == 2 and len(word) > 1:
        at = min(at, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + chance.choice(string.ascii_lowercase) + word[at + 1 :]


@dataclass(frozen=True)
class Typo:
    """A recipe in which ``wrong`` stands for ``right`` once."""

    right: str
    wrong: str
    recipe: str


def typos(count: int, seed: int = 0) -> list[Typo]:
    """Distinct typos of keys and of names and words that are values, at any depth of a recipe of every section."""
    chance, text = random.Random(seed), EVERY_KEY.decode()
    words = [found for found in re.finditer(r"(?<![\w.-])[a-z][a-z_0-9-]{2,}(?![\w-])", text) if _is_name(found[0])]
    made: dict[tuple[int, str], Typo] = {}
    while len(made) < count:
        found = chance.choice(words)
        right = found[0]
        wrong = edited(chance, right)
        if wrong != right and wrong not in {word[0] for word in words} and not wrong.startswith("-"):
            recipe = text[: found.start()] + wrong + text[found.end() :]
            made.setdefault((found.start(), wrong), Typo(right, wrong, recipe))
    return list(made.values())


def _is_name(word: str) -> bool:
    """Whether it is one of our names, and not a boolean, a label, a prompt or a name of the user."""
    return word not in ("true", "false", "null", "mine", "query", "left", "gold")
