"""From a cell of a finished run to a folder with the smaller model, proved to be the one that was measured."""
