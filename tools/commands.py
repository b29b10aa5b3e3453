"""docs/commands.md: the help of every command, as the program prints it."""

from __future__ import annotations

from typer.testing import CliRunner

from ablate.cli import app

COMMANDS = (
    "init",
    "run",
    "compare",
    "show",
    "diff",
    "train",
    "report",
    "choose",
    "export",
    "prevalence",
    "stability",
    "list",
    "check",
    "new-plugin",
    "schema",
    "doctor",
    "data",
    "data check",
    "data fetch",
)

HEAD = """# Commands

Results go to stdout, everything else to stderr.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | cells or models failed (rows and tables say why), also where `show` and `report` read such a run; or `ablate doctor` found a fault; also if the reader of a pipe stops early, as `head` does |
| 2 | a mistake of the user; a one-line message says how to correct it, and no computed result is lost |
| 75 | a notice (SIGUSR1): the cell under way was finished; give the same command again |
| 130, 143, 129 | Ctrl-C, SIGTERM, a closed terminal; finished cells are stored |

A traceback is a bug, and has exit status 1. The exception is `--fail-fast`: its traceback is that of a plug-in, and names the
plug-in.

Only a terminal gets color and progress bars. A pipe or a file gets plain text, with an occasional line of progress on
stderr. `NO_COLOR=1` turns color off in a terminal too. A table that is too wide continues below, and nothing is cut off.
`COLUMNS` sets the width for a pipe.

## Progress

A terminal shows what is being done, and how long the whole run has taken and may still take. A finished stage leaves a
line, and everything else disappears at the end. This is `ablate run recipes/quick.yaml` after 100 seconds:

```text
data: embedded (synthetic) (asked for)
device: cpu (auto: there is no CUDA GPU that torch can use)
loaded minilm in 17 s
2 passes over the calibration set in 56 s
screen ━━━━                  3/15 head align 20 %
total ━━━━                 elapsed 1:39, left about 6:23
```

The time left is at first the estimate of `--dry-run`. Each finished pass, cell, training step and comparison corrects it.
Test sets are not read for it before the choice: until the confirmation they are taken to have as many items as the standard
sets, and other sets as many as the screen tasks. `prevalence` forecasts the removals of all granularities. Without a
forecast, as where all screen tasks are test sets, and of `stability`, the time is that of the stage alone.

`ablate --install-completion` teaches the shell to complete commands, options, runs, and the names of what is built in; in a
list with commas the last part. It imports no plug-in, so it does not know their names.

`ablate --no-plugins COMMAND` loads only what is built in ([Plug-ins](plugins.md)).

`--format json` is one array of rows, one for each cell and task, dense included (`scorer: null`).

## In Python

```python
import ablate

results = ablate.run("recipes/quick.yaml", store="ablate.db")
results  # in a notebook: the tables
figure = results.plot.sparsity()
frame = results.to_pandas()
results = ablate.compare(scorers=["align", "magnitude"], granularities=["head"], sparsities=[0.1])
print(results.to_markdown())
```

`ablate.run` and `train` take a recipe as a file, or as a mapping of what the file may have, such as `{"model": "minilm",
"scorers": ["align"], "granularities": ["head"], "sparsities": [0.1]}`.

`ablate.run`, `compare` and `train` show the same progress in a terminal, and below the cell of a notebook. Anywhere else
they show nothing. `watch=ablate.silent` turns it off, and `watch=f` calls `f` with each event (`ablate.events.Event`).

The help below is the program's own (`python -m tools.docs` writes this page).
"""


def commands_page() -> str:
    """The whole page."""
    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    parts = [HEAD]
    for command in COMMANDS:
        shown = runner.invoke(app, [*command.split(), "--help"], prog_name="ablate").stdout
        text = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        parts.append(f"## ablate {command}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)
