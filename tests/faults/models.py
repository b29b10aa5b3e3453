"""Hostile model folders. Each is made of a copy of a good one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

WEIGHTS, CONFIG, MODULES, TOKENIZER = "model.safetensors", "config.json", "modules.json", "tokenizer.json"


def settings(**changed: Any) -> Callable[[Path], None]:
    """Changes its config.json."""

    def change(folder: Path) -> None:
        file = folder / CONFIG
        file.write_text(json.dumps(json.loads(file.read_text()) | changed))

    return change


def text(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Replaces a file."""

    def change(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def modules(**changed: Any) -> Callable[[Path], None]:
    """Changes the second module of its modules.json."""

    def change(folder: Path) -> None:
        file = folder / MODULES
        listed = json.loads(file.read_text())
        listed[-1] |= changed
        file.write_text(json.dumps(listed))

    return change


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def reshaped(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    name = max(tensors, key=lambda name: tensors[name].size)
    tensors[name] = np.zeros((3, 5), np.float32)
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)


def whole_numbers(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    safetensors.numpy.save_file({name: tensor.astype(np.int64) for name, tensor in tensors.items()}, folder / WEIGHTS)


def not_numbers(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    safetensors.numpy.save_file(
        {name: np.full_like(tensor, np.nan) for name, tensor in tensors.items()}, folder / WEIGHTS
    )


def header(length: int) -> Callable[[Path], None]:
    """Makes the weights claim a header of some bytes."""
    return text(WEIGHTS, length.to_bytes(8, "little") + b'{"a":' + b" " * 100)


def fifo(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def link(name: str, target: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return change


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def huge_vocabulary(folder: Path) -> None:
    file = folder / TOKENIZER
    content = json.loads(file.read_text())
    content["model"]["vocab"] = content["model"]["vocab"] | {f"word{i}": 10**9 + i for i in range(10**5)}
    file.write_text(json.dumps(content))


def folder_of_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()


def index(weight_map: Any) -> Callable[[Path], None]:
    """Has an index of shards in place of the weights."""

    def change(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder / "moved.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))

    return change


def loop(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.name)


DEEP = "[" * 10_000 + "]" * 10_000

HOSTILE: dict[str, Callable[[Path], None]] = {
    "weights cut short": cut,
    "weights empty": text(WEIGHTS, b""),
    "weights of random bytes": text(WEIGHTS, bytes(range(256)) * 40),
    "weights with a header of 2^60 bytes": header(2**60),
    "weights with a header that is no JSON": header(105),
    "weights of another shape": reshaped,
    "weights that are whole numbers": whole_numbers,
    "weights a FIFO": fifo(WEIGHTS),
    "weights a device": link(WEIGHTS, "/dev/zero"),
    "weights a loop of links": link(WEIGHTS, WEIGHTS),
    "weights a folder": folder_of_weights,
    "shards outside": index({"a": "../../../etc/passwd"}),
    "shards with odd names": index({"a": 3, "b": ["c"]}),
    "shards with a NUL": index({"a": "b\0c"}),
    "config nested deep": text(CONFIG, '{"model_type": ' + DEEP + "}"),
    "config empty": text(CONFIG, ""),
    "config a list": text(CONFIG, "[]"),
    "config a FIFO": fifo(CONFIG),
    "config a device": link(CONFIG, "/dev/zero"),
    "config of other bytes": text(CONFIG, b"\xff\xfe\x00"),
    "10^7 layers": settings(num_hidden_layers=10**7),
    "10^7 heads": settings(num_attention_heads=10**7),
    "no heads": settings(num_attention_heads=0),
    "heads that do not divide": settings(num_attention_heads=7),
    "a negative width": settings(hidden_size=-32),
    "a width of 10^6": settings(hidden_size=10**6, num_attention_heads=1),
    "a width that is text": settings(hidden_size="wide"),
    "neurons beyond memory": settings(intermediate_size=10**9),
    "neurons that are text": settings(intermediate_size="many"),
    "a vocabulary beyond memory": settings(vocab_size=10**10),
    "positions beyond memory": settings(max_position_embeddings=10**10),
    "10^5 layers": settings(num_hidden_layers=10**5),
    "wide and with all neurons": settings(hidden_size=10**5, num_attention_heads=1, intermediate_size=10**7),
    "all words of a wide model": settings(hidden_size=10**5, num_attention_heads=1, vocab_size=10**7),
    "all words": settings(vocab_size=10**7),
    "all positions": settings(max_position_embeddings=10**7),
    "all neurons": settings(intermediate_size=10**7),
    "all layers, wide": settings(num_hidden_layers=200, hidden_size=10**4, num_attention_heads=100),
    "all layers": settings(num_hidden_layers=200),
    "types of tokens beyond memory": settings(type_vocab_size=10**9),
    "an unknown activation": settings(hidden_act="none-such"),
    "a model type that is a list": settings(model_type=["bert"]),
    "modules nested deep": text(MODULES, DEEP),
    "modules none": text(MODULES, "[]"),
    "modules not a list": text(MODULES, '{"a": 1}'),
    "a module outside": modules(path="../../../../etc"),
    "a module at an absolute path": modules(path="/dev"),
    "a module with a NUL": modules(path="a\0b"),
    "a module whose path is a number": modules(path=7),
    "a module whose type is a number": modules(type=7),
    "a module of code from elsewhere": modules(type="os.system"),
    "no tokenizer": without(TOKENIZER),
    "a tokenizer that is no JSON": text(TOKENIZER, "{"),
    "a tokenizer nested deep": text(TOKENIZER, DEEP),
    "a tokenizer that is a FIFO": fifo(TOKENIZER),
    "a tokenizer of ids beyond the vocabulary": huge_vocabulary,
    "a loop of links": loop,
    "weights that are no numbers": not_numbers,
}
