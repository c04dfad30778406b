"""What the two distances from pristine say where they do not say the same."""

from isptune.runs.answer import Distance

COUNTS_BY_UNIT = (
    "l1 and l1 normalised disagree: l1 adds levels in their own units, so that those of large numbers outweigh the "
    "others; go by l1 normalised, in which each level is a share of its range"
)


def distances_disagree(before: Distance, after: Distance) -> str:
    """A sentence where one distance became less and the other one more; else nothing."""
    known = before.l1, after.l1, before.l1_normalised, after.l1_normalised
    if any(one is None for one in known):
        return ""
    raw, normalised = (
        (after.l1 or 0) - (before.l1 or 0),
        (after.l1_normalised or 0) - (before.l1_normalised or 0),
    )
    return COUNTS_BY_UNIT if raw * normalised < 0 else ""
