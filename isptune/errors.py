"""Everything that isptune raises on purpose.

::

    IsptuneError
    ├── ConfigError        an option, a TOML key, a value or a file that was named is wrong
    │   ├── UnknownName    no plug-in, distortion or scene of that name; the message lists what exists
    │   ├── SpaceError     a parameter or a candidate outside what its space allows
    │   └── SceneError     a picture that cannot be read or used
    ├── DiskError          a file that cannot be written
    ├── RunFolderError     a run folder that holds something else, or is damaged
    ├── StudyError         a study folder that is damaged, holds something else, or cannot be written
    │   ├── UnknownObserver  no observer has this link
    │   ├── StudyClosed      the owner has closed the study: no more votes
    │   └── VoteRefused      a vote for a pair that was not asked, or one that says something else than before
    ├── DatasetError       a data set folder that holds something else, is damaged, or cannot be written
    ├── RenderError        a pipeline could not render; costs the trial, not the run
    │   └── ProgramError   somebody else's program, of a pipeline or an objective, failed
    ├── ScoreError         an objective could not score; costs the trial, not the run
    ├── AllFailed          every candidate of a generation failed; ends the run
    └── MissingExtra       a package or a weights file that is not installed; says how to get it

The command line prints the message as one line, without a traceback, and exits with status 1
(2 for a ConfigError, as click does for wrong usage).
"""

import difflib
import re


class IsptuneError(Exception):
    """Root of the tree: catch this to catch everything that isptune raises on purpose."""


class ConfigError(IsptuneError):
    """An option, a key, a value or a file that was named is wrong."""


class UnknownName(ConfigError):
    """No plug-in, distortion or scene has this name."""

    def __init__(self, kind: str, name: str, known: list[str]):
        self.kind, self.name, self.known = kind, name, sorted(known)
        near = difflib.get_close_matches(name, self.known, 1, 0.7)
        hint = f"did you mean {near[0]!r}? " if near else ""
        super().__init__(f"no {kind} is called {name!r}; {hint}there are: {', '.join(self.known) or 'none'}")


class SpaceError(ConfigError):
    """A parameter is declared wrongly, or a candidate lies outside its space."""


class SceneError(ConfigError):
    """A picture is missing, unreadable, or not what a scene must be."""


class DiskError(IsptuneError):
    """A file cannot be written."""


class RunFolderError(IsptuneError):
    """A run folder holds another run, is damaged, or cannot be written."""


class StudyError(IsptuneError):
    """A study folder holds something else, is damaged, or cannot be written."""


class UnknownObserver(StudyError):
    """No observer of the study has this link."""


class StudyClosed(StudyError):
    """The owner has closed the study: it takes no votes and no observers."""


class VoteRefused(StudyError):
    """A vote for a pair that was not asked, or one that contradicts a vote that is kept."""


class DatasetError(IsptuneError):
    """A data set folder holds something else, is damaged, or cannot be written."""


class RenderError(IsptuneError):
    """A pipeline could not render some candidate."""


class ProgramError(RenderError):
    """Somebody else's program could not be started, failed, or took too long."""


class ScoreError(IsptuneError):
    """An objective could not score some image."""


class AllFailed(IsptuneError):
    """Every candidate of a generation failed."""


class MissingExtra(IsptuneError):
    """A package or a weights file that this needs is not installed."""


def one_line(text: str) -> str:
    """Text on one line: line breaks and other control characters, as file names may hold, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def about(name: str, error: Exception) -> str:
    """What an exception says of a file, whose name stands in front of it once."""
    name, said = one_line(name), in_words(error)
    return said if said.startswith(f"{name}:") else f"{name}: {said}"


def in_words(error: Exception) -> str:
    """What an exception says, on one line; of those that are not ours with their type."""
    message = " ".join(str(error).split()) or "no message"
    return message if isinstance(error, IsptuneError) else f"{type(error).__name__}: {message}"


def without_passwords(text: str) -> str:
    """The text with stars in place of the passwords of its addresses."""
    return re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", text)
