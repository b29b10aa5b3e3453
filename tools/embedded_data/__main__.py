"""``python -m tools.embedded_data FOLDER``: writes the files and prints the sha256 of each uncompressed text."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.embedded_data.files import write

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.embedded_data", description="Writes the embedded data.")
    parser.add_argument("folder", type=Path, help="ablate/data/embedded_files, or any other folder that exists")
    for name, digest in write(parser.parse_args().folder).items():
        print(digest, name)
