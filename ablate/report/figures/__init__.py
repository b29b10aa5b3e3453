"""Figures: what the HTML report draws and a notebook shows."""
