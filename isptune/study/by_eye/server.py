"""The page of a search by eye: that of a study, with one observer and no owner's page."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from isptune.study.by_eye.run import EyeRun
from isptune.study.site.server import address, application, hosts_of, listen, run_until_stopped
from isptune.study.votes.answers import Answers


def serve_search(run: EyeRun, host: str, port: int, say: Callable[[str], Any] = print) -> None:
    """Serve the search until it is interrupted; says the link to vote with.

    Raises:
        StudyError, ConfigError: the folder or the address cannot be used.
    """
    with (
        Answers(run.study.answers_path, run, sync_each=False) as answers,
        closing(listen(host, port)) as listening,
    ):
        observers = [observer for observer in answers.observers() if observer.source != "judge"]
        observer = observers[0] if observers else answers.add_observer()
        say(f"vote here: {address(host, listening.getsockname()[1])}/o/{observer.token}")
        run_until_stopped(application(run.study, answers, hosts=hosts_of(host)), listening, host, say)
