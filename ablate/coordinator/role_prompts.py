"""Says on which tasks queries and documents get prompts of their own."""

from __future__ import annotations

from collections.abc import Iterable

from ablate.models.model import Model
from ablate.models.prompts import of_roles
from ablate.tasks.loaded import Loaded


def role_prompts(model: Model, tasks: Iterable[Loaded]) -> str | None:
    """Which prompts the roles get, and on which of the tasks; None if on none of them."""
    roles = dict(model.encoding.roles)
    names = dict.fromkeys(task.task.name for task in tasks if roles and task.data.roles)
    return f"{of_roles(roles)} on {', '.join(names)}" if names else None
