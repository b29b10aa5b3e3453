"""Contrastive training under a mask."""
