"""What happens to a run of several models if one of them fails: the others go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ablate.errors import AblateError, RecipeError, StoreError, one_line
from ablate.events import Event, Watch
from ablate.models.spec import ModelSpec


@dataclass
class FailedModels:
    """The models of a run that failed.

    names: of all models, as in rows. keep_going: whether the others go on; otherwise the first error is raised.
    reasons: of each that failed, by its name.
    """

    names: Mapping[ModelSpec, str]
    keep_going: bool
    watch: Watch
    reasons: dict[str, str] = field(default_factory=dict)

    def __contains__(self, spec: ModelSpec) -> bool:
        return self.names[spec] in self.reasons

    @contextmanager
    def sparing_others(self, spec: ModelSpec) -> Iterator[None]:
        """Within is the work of one model. If it fails, and another model is left, the failure is noted and ends here.

        An error of the recipe or of the store concerns all models, so it is raised. An error of another kind than these
        is a bug, or a signal.
        """
        try:
            yield
        except (RecipeError, StoreError):
            raise
        # RuntimeError is what torch raises, also where a device has too little memory.
        except (AblateError, MemoryError, RuntimeError) as error:
            left = len(self.names) - len(self.reasons) - 1
            if not self.keep_going or not left:
                raise
            name = self.names[spec]
            self.reasons[name] = one_line(error).removeprefix(f"model '{name}': ")
            self.watch(Event("note", f"model '{name}' failed, and the run goes on without it: {self.reasons[name]}"))
