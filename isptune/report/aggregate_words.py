"""How the scores of several scenes became one, in words."""

from isptune.runs.record import RunRecord

ALL_TOGETHER = "over all scenes together"


def optimised(record: RunRecord) -> str:
    """What was optimised, for a table's title: `mean`, `over all scenes together`, or which objective is which."""
    together = [one.name for one in record.objectives if one.together]
    if not together:
        return record.config.aggregate
    if len(together) == len(record.objectives):
        return ALL_TOGETHER
    return f"{', '.join(together)} {ALL_TOGETHER}, others by {record.config.aggregate}"


def in_a_sentence(record: RunRecord) -> str:
    """The end of: One score of all scenes was optimised: ..."""
    aggregate = record.config.aggregate
    words = {"mean": "their mean", "worst": "the worst of them"}.get(aggregate, f"{aggregate} of them")
    together = [one.name for one in record.objectives if one.together]
    if not together:
        return words
    if len(together) == len(record.objectives):
        return f"that {ALL_TOGETHER}, which is no mean of those of each scene alone"
    return f"of {', '.join(together)} that {ALL_TOGETHER}, of the others {words}"
