"""The record of a study's run, as dataclasses in the program and as JSON in the store and on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypeVar

from pydantic import TypeAdapter, ValidationError

from ablate.errors import StoreError


@dataclass(frozen=True)
class StudyRecord:
    """What the records of all studies have in common.

    study: the name of the command.
    manifest: what was asked: all that :func:`ablate.plan.manifest.manifest` gives, with ``study`` and ``store``, as the
        store was told when the run began.
    """

    study: ClassVar[str]
    manifest: dict[str, Any]

    @property
    def models(self) -> list[str]:
        """The names of the models, in the order of the recipe."""
        return list(self.manifest["models"])


R = TypeVar("R", bound=StudyRecord)


def to_dict(record: StudyRecord) -> dict[str, Any]:
    """The record as JSON has it: one flat mapping of the manifest's keys and the record's own."""
    content = asdict(record)
    return {**content.pop("manifest"), **content}


def from_dict(kind: type[R], content: Mapping[str, Any]) -> R:
    """The record that :func:`to_dict` was given, also where an older version wrote it; unknown keys are kept.

    Args:
        kind: the class of the record.

    Raises:
        StoreError: a key is absent, or a value is not of the documented type.
    """
    own = {field.name for field in fields(kind)}
    manifest = {name: value for name, value in content.items() if name not in own}
    try:
        return TypeAdapter(kind).validate_python({**content, "manifest": manifest})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(
            f"run {content.get('run')}: the record of ablate {kind.study} cannot be read ({place}: {first['msg']}); "
            f"give ablate {kind.study} again"
        ) from None
