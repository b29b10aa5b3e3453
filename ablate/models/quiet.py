"""Keeps the libraries that load models from writing to the terminal, and hands on what they reported."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging

_LOGGERS = ("transformers", "sentence_transformers")


class _Collector(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Without progress bars and output. Yields a list that fills with what the libraries report.

    The list has their log messages from the level of a warning on, and their ``UserWarning``s, each once, in order, and
    is complete when the context ends. The caller reads it: a report may say that a score will be wrong.
    """
    reported: list[str] = []
    messages: list[str] = []
    bars = transformers_logging.is_progress_bar_enabled()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    try:
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        for logger in loggers:
            # The user's level may hide warnings, for instance TRANSFORMERS_VERBOSITY=error.
            logger.level, logger.propagate, logger.handlers = logging.WARNING, False, [_Collector(reported)]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            yield messages
        reported += [str(warning.message) for warning in caught if warning.category is UserWarning]
    finally:
        messages += dict.fromkeys(reported)
        for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
            logger.level, logger.propagate, logger.handlers = level, propagate, handlers
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
