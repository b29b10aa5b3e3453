"""The model card: the folder's README.md, which says what the model is, what it scored, and how to load it."""

from __future__ import annotations

import json
import re

from ablate.export import snippets
from ablate.export.header import header
from ablate.export.page import tables
from ablate.export.record import Exported
from ablate.export.without_places import command_without_places, without_places
from ablate.printable import visible
from ablate.recipe import yaml_text
from ablate.report.formats import as_markdown, escaped
from ablate.report.table import Page


def card(exported: Exported) -> str:
    """The card as Markdown, with the header that the Hub reads. It names no place of this machine."""
    about, name = exported.about, exported.folder.name
    return "\n".join(
        (
            "---",
            header(exported).rstrip(),
            "---",
            "",
            f"# {title(exported)}",
            "",
            _made(exported),
            "",
            _licenses(exported),
            "",
            *_python(snippets.embed(name, exported.plain)),
            "The text that is nearest to a query:",
            "",
            *_python(snippets.search(name, exported.plain)),
            *_onnx(exported),
            as_markdown(Page((), tables(exported), ())),
            "## Where it came from",
            "",
            f"* run: `{_code(about.run)}`, by `{_code(_command(exported))}`",
            f"* versions: `{_code(json.dumps(about.versions))}`",
            "* `ablate.json`, beside this file: hashes, seeds and every row",
            "",
            "The recipe, with every default:",
            "",
            *_fenced(yaml_text.dump(without_places(about.recipe)), "yaml"),
        )
    )


def title(exported: Exported) -> str:
    """``all-MiniLM-L6-v2 without 7 of 72 heads``."""
    name, trained = escaped(exported.origin.name), exported.rows[0].way is not None
    removed = [f"{gone:,} of {_units(kind, count)}" for kind, gone, count in exported.units if gone]
    what = f" without {' and '.join(removed)}" if removed else ""
    return f"{name}{what}{', trained' if trained else ''}"


def _units(granularity: str, count: int) -> str:
    # A plug-in may have a granularity of any name.
    names = {"unstructured": "weights", "kv-group": "key-value groups"}
    return f"{count:,} {names.get(granularity, f'{escaped(granularity)}s')}"


def _made(exported: Exported) -> str:
    way, training, origin = exported.rows[0].way, exported.about.training, exported.origin
    base = f"`{_code(origin.name)}`"
    if origin.hub_id is not None:
        base = f"[{escaped(origin.hub_id)}](https://huggingface.co/{origin.hub_id})"
    if origin.revision is not None:
        base += f" at revision `{_code(origin.revision)}`"
    cell = f"The cell is `{_code(exported.cell)}`."
    if way is None or training is None:
        return (
            f"A sentence encoder, made by ablate from {base}, by removing what a scorer ranked lowest. "
            f"No weight was trained. {cell}"
        )
    pruned = "" if way == "train" else f", and pruned ({way}) of what a scorer ranked lowest"
    return (
        f"A sentence encoder, made by ablate from {base}: trained by SimCSE's objective for {training.steps:,} steps "
        f"on {training.examples:,} {training.kind} ({_code(without_places(training.source))}){pruned}. {cell}"
    )


def _command(exported: Exported) -> str:
    command = exported.about.command
    return "ablate in a notebook" if command is None else command_without_places(command)


def _licenses(exported: Exported) -> str:
    missing = exported.origin.missing
    what = "that" if len(missing) == 1 else "these"
    left_out = f" Nobody has said {' and '.join(missing)}, so the header leaves {what} out." if missing else ""
    return (
        f"The license of the original model applies to it.{left_out} The licenses of the data that was used to "
        "calibrate, choose and train it may apply too: `ablate.json` names the data, and SICK, for example, is "
        "CC BY-NC-SA."
    )


def _onnx(exported: Exported) -> tuple[str, ...]:
    if exported.onnx is None:
        return ()
    return ("With ONNX Runtime and tokenizers alone:", "", *_python(exported.onnx.example))


def _python(code: str) -> tuple[str, ...]:
    return _fenced(code, "python")


def _fenced(text: str, language: str) -> tuple[str, ...]:
    """A block of code that nothing in it can close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}", text.rstrip("\n"), fence, ""


def _code(text: object) -> str:
    """Text that cannot close a code span, begin a tag or start a new line."""
    return " ".join(visible(str(text)).translate({ord("`"): "'", ord("<"): "‹", ord(">"): "›"}).split())
