"""Errors of ours as a person at a prompt wants them: the line that was called, and the sentence."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from isptune.errors import IsptuneError

Given = ParamSpec("Given")
Found = TypeVar("Found")


def short_traceback(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """A decorator: what isptune raises on purpose says all in its message; the rooms that it came through do not."""

    @functools.wraps(function)
    def called(*arguments: Given.args, **keywords: Given.kwargs) -> Found:
        try:
            return function(*arguments, **keywords)
        except IsptuneError as error:
            raise error.with_traceback(None) from None

    return called
