"""The checks of `ablate doctor`. None of them changes a file, except `--drop-damaged`."""
