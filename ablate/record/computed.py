"""What readers have to know about how scores were computed: in which precision, and on which devices."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping


def precision_note(precision: str, effects: Mapping[str, float], unit: str) -> str:
    """A sentence on how much the precision of the evaluation changes scores.

    Args:
        effects: task -> the dense model's score in this precision less that in float32, in ``unit``.
    """
    if not effects:
        return f"Evaluated in {precision}; dense has no score with which to compare it with float32."
    task = max(effects, key=lambda name: abs(effects[name]))
    return (
        f"Evaluated in {precision}: on dense, scores differ from those in float32 by at most "
        f"{abs(effects[task]):.2g} {unit} ({task})."
    )


def devices_note(devices: Iterable[str | None]) -> tuple[str, ...]:
    """A sentence on results from several devices; none if all are from one. None stands for no result."""
    names: Collection[str] = dict.fromkeys(device for device in devices if device is not None)
    if len(names) < 2:
        return ()
    return (f"The results are from different devices ({', '.join(names)}), and so differ by rounding.",)
