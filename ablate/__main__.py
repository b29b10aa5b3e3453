"""The program: ``ablate`` or ``python -m ablate``."""

from ablate.cli import main
from ablate.cli.threads import end_without_threads


def run() -> None:
    """Runs the command line in a process of its own."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
        raise
    finally:
        end_without_threads(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    run()
