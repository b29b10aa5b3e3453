"""``ablate list``."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def list_(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array, with the parameters as JSON schemas.")
    ] = False,
) -> None:
    """Show the scorers, granularities, tasks, executors and architectures: parameters, origin, and a line of help."""
    import json

    from rich.table import Table
    from rich.text import Text

    from ablate.cli.console import make_console
    from ablate.cli.output import put
    from ablate.cli.say import say
    from ablate.plugins import KINDS, registry

    plugins = registry()
    if as_json:
        finders = [_finder_as_json(entry) for entry in plugins.finders]
        put(json.dumps([*(_as_json(entry) for entry in plugins.entries), *finders], indent=2) + "\n", None)
    else:
        console = make_console()
        for kind in KINDS:
            table = Table(title_justify="left")
            for column in (kind, "parameters", "origin", "what it is"):
                table.add_column(column, overflow="fold")

            for entry in plugins.of_kind(kind):
                slow = " (slow)" if getattr(entry.plugin, "slow", False) else ""
                cells = (entry.plugin.name + slow, _parameters(entry), entry.shown_origin, entry.plugin.help)
                # As Text, because rich would take brackets in a plain string for markup.
                table.add_row(*map(Text, cells))
            for found in plugins.finders if kind == "task" else ():
                table.add_row(*map(Text, (f"{found.finder.prefix}:NAME", "", found.origin, found.finder.help)))
            console.print(table)
    for fault in plugins.faults():
        say(f"ablate: {fault}", err=True)


def _parameters(entry: Any) -> str:
    required = entry.plugin.missing(())
    return "\n".join(
        f"{field.alias or name}{' (required)' if (field.alias or name) in required else f'={_shown(field.default)}'}"
        for name, field in entry.plugin.model_fields.items()
    )


def _shown(default: Any) -> Any:
    return "null" if default is None else default


def _finder_as_json(entry: Any) -> dict[str, Any]:
    finder = entry.finder
    return {"kind": "task", "name": f"{finder.prefix}:NAME", "origin": entry.origin, "help": finder.help}


def _as_json(entry: Any) -> dict[str, Any]:
    plugin = entry.plugin
    return {
        "kind": entry.kind,
        "name": plugin.name,
        "origin": entry.origin,
        "version": plugin.version,
        "help": plugin.help,
        "slow": getattr(plugin, "slow", False),
        "parameters": plugin.model_json_schema()["properties"] if plugin.model_fields else {},
    }
