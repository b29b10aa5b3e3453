"""Makes a new plug-in: ``templates`` holds its files, and ``new.py`` fills in the names."""
