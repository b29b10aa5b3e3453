"""Writes the model of a cell as a folder, and proves that it is the model that was measured."""
