"""The page of a search by eye: that of a study, with one observer, no owner, and a way to say that it is enough."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from starlette.routing import Route

from isptune.errors import StudyError
from isptune.runs.files import RECOMMENDED
from isptune.study.by_eye.run import EyeRun
from isptune.study.site.server import address, application, hosts_of, listen, run_until_stopped
from isptune.study.votes.answers import Answers
from isptune.system.claim import claimed


def serve_search(
    run: EyeRun,
    host: str,
    port: int,
    say: Callable[[str], Any] = print,
    more: Sequence[Route] = (),
    also: str = "",
) -> None:
    """Serve the search until it is interrupted; says the link to vote with. The links stay over restarts.

    Args:
        more: further pages.
        also: the path of one of them, to be said, too.

    Raises:
        StudyError, ConfigError: the folder or the address cannot be used.
    """
    folder = run.study.folder
    with (
        claimed(folder, StudyError, "search by eye"),
        Answers(run.study.answers_path, run, sync_each=False) as answers,
        closing(listen(host, port)) as listening,
    ):
        answers.reopen_study()  # who starts it again goes on
        observers = [observer for observer in answers.observers() if observer.source != "judge"]
        observer = observers[0] if observers else answers.add_observer()
        root = address(host, listening.getsockname()[1])
        say(f"vote here: {root}/o/{observer.token}")
        if also:
            say(f"watch here: {root}{also}")

        def content() -> None:
            answers.close_study()
            run.finish("whoever voted is content")

        app = application(run.study, answers, hosts=hosts_of(host), on_content=content, more=more)
        try:
            run_until_stopped(app, listening, host, say)
        finally:
            if not (folder / RECOMMENDED).exists():
                run.finish("it was stopped by its user")
