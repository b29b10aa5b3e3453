"""The record of a study: dataclasses in the program, JSON in the store and on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from ablate.errors import StoreError
from ablate.record import from_plain, to_plain


@dataclass(frozen=True)
class StudyRecord:
    """What the records of all studies have in common.

    study: the name of the command.
    manifest: what :func:`ablate.plan.manifest.manifest` returns, with ``study`` and ``store``, as it was stored when
        the run began.
    """

    study: ClassVar[str]
    manifest: dict[str, Any]

    @property
    def models(self) -> list[str]:
        """The names of the models, in the order of the recipe."""
        return list(self.manifest["models"])


R = TypeVar("R", bound=StudyRecord)


def to_dict(record: StudyRecord) -> dict[str, Any]:
    """The record for JSON: one flat mapping with the keys of the manifest and the other fields of the record."""
    content = to_plain(record)
    return {**content.pop("manifest"), **content}


def from_dict(kind: type[R], content: Mapping[str, Any]) -> R:
    """The record that was given to :func:`to_dict`, by this version of ablate or an older one.

    Args:
        kind: the class of the record.

    Raises:
        StoreError: a key is absent, or a value is not of the documented type.
    """
    # Unknown keys become part of the manifest, so that no content is lost.
    field_names = {field.name for field in fields(kind)}
    manifest = {name: value for name, value in content.items() if name not in field_names}
    try:
        return from_plain(kind, {**content, "manifest": manifest})
    except ValueError as error:
        raise StoreError(
            f"run {content.get('run')}: the record of `ablate {kind.study}` cannot be read ({error}); "
            f"run `ablate {kind.study}` again"
        ) from None
