"""Prompts: the model's default one, one by its name, a text of the user's; equal to what the library's ``encode`` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer
from torch import Tensor

import ablate.models.load
from ablate.errors import ModelError
from ablate.export.folder import write_model
from ablate.models.checkpoint import find_checkpoint
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.prompts import prompts_of
from ablate.models.sentence_transformer import sentence_transformer
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny

SENTENCES = ["a cat plays", "", "The Dog runs in red!", "naïve café 日本語 " * 9, "x"]
NAMED = {"query": "the red ", "document": "", "passage": " two dog: "}


def folder_with(tmp_path: Path, default: str | None = None, include_prompt: bool = True, **prompts: Any) -> Path:
    folder = save_tiny(tmp_path / "model")
    settings = {"prompts": prompts or NAMED, "default_prompt_name": default}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    pooling = {"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": include_prompt}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


def load(folder: Path, **options: Any) -> Model:
    return load_model(ModelSpec(name=str(folder), **options))


def embed(model: Model) -> Tensor:
    return encode(model, prepare(model, SENTENCES))


def by_library(folder: Path, **options: Any) -> Tensor:
    return torch.tensor(SentenceTransformer(str(folder), device="cpu").encode(SENTENCES, **options))


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("default", [None, "query"])
@pytest.mark.parametrize(
    "options",
    [{}, {"prompt_name": "query"}, {"prompt_name": "passage"}, {"prompt_name": "document"}, {"prompt": "a: "}],
)
def test_equals_the_library(options: Any, default: str | None, include_prompt: bool, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, default, include_prompt)
    model = load(folder, **options)
    expected = by_library(folder, **options)
    close(embed(model), expected)
    text = options.get("prompt", NAMED[options.get("prompt_name", default or "document")])
    assert model.encoding.prompt == text
    assert torch.allclose(embed(model), embed(load(folder, prompt="")), atol=1e-3) == (text == "")
    # The modules that training and export use have it as their default prompt.
    spec = ModelSpec(name=str(folder), **options)
    close(torch.tensor(sentence_transformer(spec, text).encode(SENTENCES)), expected)
    write_model(spec, text, model.backbone, tmp_path / "out")  # type: ignore[arg-type]
    close(by_library(tmp_path / "out"), expected)
    saved = SentenceTransformer(str(tmp_path / "out"), device="cpu").prompts
    assert saved.items() >= NAMED.items()


def test_an_empty_prompt_turns_the_default_one_off(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "query")
    model = load(folder, prompt="")
    close(embed(model), by_library(folder, prompt=""))
    assert model.encoding == load(folder_with(tmp_path / "other"), prompt_name="document").encoding
    assert sentence_transformer(ModelSpec(name=str(folder)), "").default_prompt_name is None
    assert sentence_transformer(ModelSpec(name=str(folder))).default_prompt_name == "query"


@pytest.mark.parametrize("pooling", ["mean", "lasttoken"])
def test_of_another_pooling_and_of_a_bare_checkpoint(pooling: Any, tmp_path: Path) -> None:
    folder, bare = folder_with(tmp_path), save_tiny(tmp_path / "bare", format="transformers")
    named = load(folder, pooling=pooling, prompt_name="query")
    given = load(bare, pooling=pooling, prompt=NAMED["query"])
    assert torch.equal(embed(named), embed(given))
    assert named.encoding == given.encoding
    spec = ModelSpec(name=str(bare), pooling=pooling, prompt=NAMED["query"])
    close(torch.tensor(sentence_transformer(spec, NAMED["query"]).encode(SENTENCES)), embed(given))


def test_named_prompts_without_a_default_are_told(tmp_path: Path) -> None:
    other = folder_with(tmp_path / "other", sts="a ", passage="b ")
    remark = "has prompts 'sts', 'passage' and no default: none is used; choose with `prompt_name`"
    assert load(other).remarks == (remark,)
    assert load(other, pooling="cls").remarks == (remark,)
    assert (load(other).encoding.prompt, load(other).encoding.roles) == ("", ())
    folder = folder_with(tmp_path)
    chosen: list[dict[str, str]] = [{"prompt": ""}, {"prompt": "a "}, {"prompt_name": "document"}]
    assert [load(folder, **options).remarks for options in chosen] == [()] * 3
    default = load(folder_with(tmp_path / "default", "sts", sts="a "))
    # The library itself tells of a default prompt, once in each process.
    assert [remark for remark in default.remarks if not remark.startswith("Default prompt name is set")] == []
    # Every model that this version of the library saves has these two.
    assert load(folder_with(tmp_path / "empty", query="", document=None)).remarks == ()


def test_a_name_that_the_model_lacks_is_refused_before_weights_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablate.models.load, "_backbone", lambda *_: pytest.fail("weights were loaded"))
    folder = folder_with(tmp_path)
    with pytest.raises(
        ModelError, match=r"has no prompt 'querry'; did you mean 'query'\?; it has 'query', 'document', "
    ):
        load(folder, prompt_name="querry")
    bare = save_tiny(tmp_path / "bare", format="transformers")
    with pytest.raises(ModelError, match=r"has no prompt 'query'; it has none; give the text as `prompt`$"):
        load(bare, pooling="mean", prompt_name="query")
    (folder / "config_sentence_transformers.json").write_text('{"prompts": ["a"]}')
    with pytest.raises(ModelError, match=r"the `prompts` of .* are not a mapping from names to texts"):
        load(folder)


def test_one_or_the_other_and_recorded_only_if_given() -> None:
    with pytest.raises(ValidationError, match="give `prompt` or `prompt_name`, not both"):
        ModelSpec(name="minilm", prompt="a", prompt_name="query")
    with pytest.raises(ValidationError):
        ModelSpec(name="minilm", prompt_name="")
    old = ["name", "revision", "pooling", "max_length", "trust_remote_code"]
    assert list(ModelSpec(name="minilm").model_dump(mode="json")) == old
    assert ModelSpec(name="minilm", prompt="").model_dump()["prompt"] == ""
    assert hash(ModelSpec(name="minilm", prompt="a")) != hash(ModelSpec(name="minilm"))


def test_prompts_of_roles_are_told(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    first, second = load(folder).remarks
    assert first == (
        "has prompts 'query', 'passage': where a task tells them apart, queries get the prompt 'the red ' and documents "
        "none; other texts get none; `prompt` or `prompt_name` chooses one for all"
    )
    assert second.startswith(
        "its prompt 'passage' is not used for documents, as sentence-transformers' encode_document"
    )
    assert load(folder, pooling="cls").remarks == (first, second)
    default = load(folder_with(tmp_path / "default", "document", query="q: ", document="d: "))
    assert default.encoding.roles == (("query", "q: "), ("document", "d: "))
    assert default.remarks[0] == (
        "has prompts 'query', 'document': where a task tells them apart, queries get the prompt 'q: ' and documents "
        "'d: '; other texts get 'd: '; `prompt` or `prompt_name` chooses one for all"
    )


@pytest.mark.parametrize(
    ("default", "prompts", "roles"),
    [
        ("sts", {"sts": "s: "}, False),
        ("sts", {"sts": "s: ", "query": "", "document": None}, False),
        (None, {"passage": "p: "}, False),
        ("query", {"query": "q: ", "document": "q: "}, False),
        ("query", {"query": "q: "}, True),
        (None, {"query": "q: ", "passage": "p: "}, True),
        (None, {"query": "q: ", "document": "d: ", "passage": "p: "}, True),
        ("sts", {"sts": "s: ", "document": "d: "}, True),
    ],
)
def test_roles_get_what_the_library_gives_them(
    default: str | None, prompts: dict[str, Any], roles: bool, tmp_path: Path
) -> None:
    folder = folder_with(tmp_path, default, **prompts)
    spec = ModelSpec(name=str(folder))
    found = prompts_of(spec, find_checkpoint(spec))
    assert bool(found.roles) == roles
    library, model = SentenceTransformer(str(folder), device="cpu"), load(folder)
    plain = encode(model, prepare(model, SENTENCES, roles=()))
    close(plain, torch.tensor(library.encode(SENTENCES)))
    for role, encoded in (("query", library.encode_query), ("document", library.encode_document)):
        of_role: list[Any] = [role] * len(SENTENCES)
        made = encode(model, prepare(model, SENTENCES, roles=of_role))
        # Without prompts for roles, the default prompt holds, as it did before there were roles.
        close(made, torch.tensor(encoded(SENTENCES)) if roles else plain)
    for chosen in ({"prompt": "a "}, {"prompt": ""}, {"prompt_name": next(iter(prompts))}):
        assert load(folder, **chosen).encoding.roles == ()
        assert load(folder, **chosen).readers == {}


@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("pooling", [None, "lasttoken"])
def test_texts_of_several_roles_are_encoded_together(include_prompt: bool, pooling: Any, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "sts", include_prompt, query="the red ", document=" two dog: ", sts="x y ")
    model = load(folder, pooling=pooling)
    library = sentence_transformer(ModelSpec(name=str(folder), pooling=pooling), "x y ")
    roles: list[Any] = ["query", None, "document"] * len(SENTENCES)
    texts = [sentence for sentence in SENTENCES for _ in range(3)]
    prepared = prepare(model, texts, 60, roles)
    encodes: dict[Any, Any] = {"query": library.encode_query, "document": library.encode_document, None: library.encode}
    expected = torch.stack([torch.tensor(encodes[role]([text])[0]) for role, text in zip(roles, texts, strict=True)])
    close(encode(model, prepared), expected)
    # Batches that are divided keep the roles of their texts.
    before = len(prepared.batches)
    while prepared.halve(model):
        assert len(prepared.batches) > before
        close(encode(model, prepared), expected)


def test_an_exported_folder_keeps_the_prompts_of_roles(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, query="q: ", document="d: ")
    for number, pooling in enumerate((None, "cls_before_pooler")):
        spec = ModelSpec.model_validate({"name": str(folder), "pooling": pooling})
        model = load_model(spec)
        write_model(spec, model.encoding.prompt, model.backbone, tmp_path / f"out{number}")  # type: ignore[arg-type]
        again = load(tmp_path / f"out{number}")
        assert again.encoding.roles == model.encoding.roles != ()
        for role in ("query", "document"):
            roles: list[Any] = [role] * len(SENTENCES)
            made, expected = (encode(one, prepare(one, SENTENCES, roles=roles)) for one in (again, model))
            close(made, expected)
