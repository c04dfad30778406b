"""What to do with a run once it has ended, as commands that can be copied."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from isptune.deeds import deeds_of
from isptune.runs.record import RunRecord
from isptune.trust import OPTION, whole_bench


def link(path: Path) -> str:
    """A path as a link that terminals open and browsers take."""
    return path.resolve().as_uri()


def next_steps(record: RunRecord) -> dict[str, str]:
    """Commands with what each is for; of a run that found nothing better, how to look further."""
    folder = shlex.quote(str(record.folder))
    if record.answer is None:
        return {
            f"isptune report {folder}": "what there is so far; the command that began the run goes on with it"
        }
    if record.answer.rejected is not None:
        more = 2 * record.config.generations
        return {
            f"isptune list objectives {shlex.quote(record.objectives[0].name)}": "whether it may lead here at all",
            f"isptune run ... --out {folder} --generations {more} --extend": "the same search goes on",
        }
    trust = f" {OPTION}" if what_it_starts(record) else ""
    return {
        f"isptune export {folder} --out tuned.toml": "the set as a file; --format for the one that your ISP loads",
        f"isptune diff {folder}{trust}": "what changed, and what each change buys",
        f"{_verify(record, folder)}{trust}": "is it better on what the search never saw?",
        f"isptune study new studies/mine --from-run {folder}{trust}": "let people look",
    }


def what_it_starts(record: RunRecord) -> list[str]:
    """What the run's plug-ins start and send, in words: what a command that names the folder alone needs leave for."""
    return [deed.what for deed in deeds_of(whole_bench(record.config))]


def step_lines(steps: dict[str, str]) -> Sequence[str]:
    """The commands below each other, with what they are for where that fits beside them."""
    width = max(map(len, steps), default=0)
    return [f"  {command.ljust(width)}  {what}" for command, what in steps.items()]


def _verify(record: RunRecord, folder: str) -> str:
    return f"isptune verify {folder}" + ("" if record.config.holdout else " --scene OTHER")
