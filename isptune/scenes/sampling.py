"""Interval sampling: a few of many, evenly spread over their ranks."""

from isptune.errors import ConfigError


def interval_ranks(length: int, count: int) -> list[int]:
    """Which of `length` sorted things to take: rank 0, equal steps, and the last rank.

    The step is the whole part of (length - 2) / (count - 2), so the last one may be a longer one. All are taken where
    there are no more than asked for.

    Raises:
        ConfigError: fewer than 2 are asked for, which have no steps.

    Source: Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024, PromptIQA, arXiv:2403.04993, and the code that its
    authors published.
    """
    if count < 2:
        raise ConfigError(
            f"interval sampling takes the first, the last, and steps between: {count} is under 2"
        )
    if length <= count:
        return list(range(length))
    step = max(1, (length - 2) // max(1, count - 2))
    return [*(step * i for i in range(count - 1)), length - 1]
