"""What there is to say of a set that goes into another file than the one that its search started from."""

from collections.abc import Mapping

from isptune.space import Candidate, Value


def by_reason(locked: Mapping[str, str]) -> dict[str, str]:
    """Knobs that cannot be set, in a list, by why: each reason once."""
    return {
        reason: ", ".join(name for name, why in locked.items() if why == reason)
        for reason in dict.fromkeys(locked.values())
    }


def template_notes(
    locked: Mapping[str, str], there: Candidate, tuned: Mapping[str, Value], start: Candidate
) -> tuple[str, ...]:
    """A line each.

    Args:
        locked: the knobs that the template cannot take, each with the reason.
        there: what the others stand at in the template.
        tuned: what goes into it.
        start: what the search started from.
    """
    notes = [f"{name} is not set: {why}" for name, why in locked.items() if name in tuned]
    kept = [name for name, value in there.items() if name not in tuned and value != start.get(name, value)]
    if kept:
        notes.append(f"not tuned, so as the template has them: {', '.join(kept)}")
    return tuple(notes)
