"""Makes the embedded data set: English sentence pairs with a gold similarity, the same on every machine.

A grammar and a lexicon draw events (who does what to whom, where and when), phrase them in many ways, and change them
in a known way. The gold similarity follows from what was changed, not from the words. A bank of hand-written ideas adds
wordings that no grammar gives. Everything follows from fixed seeds and ``Random.random()`` alone, whose sequence Python
promises to keep. Nothing here imports ablate, so a change of the package cannot change the data.

    python -m tools.embedded_data ablate/data/embedded_files

writes the files that ablate ships and prints their hashes, which stand in ``ablate/data/embedded.py``.
"""
