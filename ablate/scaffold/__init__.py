"""A plug-in to begin with: ``templates`` holds its files, and ``new.py`` fills them in."""
