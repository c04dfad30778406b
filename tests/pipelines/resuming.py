"""A run that was killed, made from one that was not."""

import shutil

from isptune.tuning.bench import Bench
from isptune.tuning.run import run


def check_cut_run_ends_with_the_same_bytes(settings, whole, cut):
    """Cut a copy of a finished run in the middle of its second generation, and let it go on."""
    log = (whole / "trials.jsonl").read_bytes()
    shutil.copytree(whole, cut)
    (cut / "recommended.json").unlink()
    (cut / "trials.jsonl").write_bytes(log[: log.index(b"\n") + 40])
    run(Bench(settings), cut)
    for name in ("trials.jsonl", "recommended.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
