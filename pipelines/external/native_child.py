"""A child process for native code that may crash or hang: a lost child costs one request, and the next starts anew."""

import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, final
from weakref import finalize

import numpy as np

from isptune.errors import RenderError
from isptune.system.leash import hold, let_go, signal_group, watch_over_programs
from isptune.system.locks import needs_posix
from isptune.system.program import last_words
from isptune.system.records import parse_json
from pipelines.external.scene_files import lasting_folder


@final
class NativeChild:
    """Runs a Python file that answers requests: a line of JSON each; a picture follows as the bytes of its array.

    Args:
        script: the file; it reads requests from its standard input until that ends.
        name: what messages call the child.
        timeout_s: a request that takes longer ends the child.
    """

    def __init__(self, script: Path, name: str, timeout_s: float):
        self.script, self.name, self.timeout_s = script, name, timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._end: Any = None

    @property
    def pid(self) -> int | None:
        """The process that will answer the next request; None before the first and after a lost child."""
        return None if self._child is None or self._child.poll() is not None else self._child.pid

    def ask(self, request: Mapping[str, Any]) -> np.ndarray:
        """The picture that a request gives.

        Raises:
            RenderError: the child says why it cannot, ended, or took too long.
        """
        child = self._running()
        deadline = time.monotonic() + self.timeout_s
        try:
            assert child.stdin is not None
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            answer = parse_json(self._read_line(child, deadline), "answer")
            if "error" in answer:
                raise RenderError(f"{self.name}: {answer['error']}")
            kind = np.dtype(answer["type"])
            data = bytearray(math.prod(answer["shape"]) * kind.itemsize)
            self._read_into(child, memoryview(data), deadline)
        except (_Ended, OSError) as error:
            raise RenderError(self._lost(child)) from error
        except _TooLate as error:
            self.stop()
            raise RenderError(f"{self.name} took longer than {self.timeout_s:g} s and was stopped") from error
        except BaseException as error:
            if not isinstance(error, RenderError):
                self.stop()  # Ctrl-C: what it still answers belongs to no request
            raise
        return np.frombuffer(data, kind).reshape(answer["shape"])

    def stop(self) -> None:
        """End the child, if there is one."""
        if self._end is not None:
            self._end()
        self._child = self._end = None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.stop()
        needs_posix(f"{self.name}: a process of its own")
        self._folder = self._folder or lasting_folder(self, "child")
        command = [sys.executable, "-P", str(self.script)]  # -P: no module of this folder shadows another
        try:
            with open(self._folder / "stderr.txt", "wb") as stderr:
                watch_over_programs()
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    start_new_session=True,
                )
        except OSError as error:
            raise RenderError(f"{self.name} cannot be started: {error.strerror}") from error
        self._end = finalize(self, _end, self._child)
        hold(self._child.pid)
        return self._child

    def _lost(self, child: "subprocess.Popen[bytes]") -> str:
        with suppress(subprocess.TimeoutExpired):
            child.wait(5)
        status = child.returncode
        self.stop()
        words = last_words(self._folder / "stderr.txt") if self._folder else ""
        how = f"by {signal.Signals(-status).name}" if status and status < 0 else f"with status {status}"
        return f"{self.name} ended {how}" + (
            f": {words}" if words else "; the next candidate gets a new process"
        )

    def _read_line(self, child: "subprocess.Popen[bytes]", deadline: float) -> bytes:
        line = bytearray()
        byte = bytearray(1)
        while not line.endswith(b"\n"):
            self._read_into(child, memoryview(byte), deadline)
            line += byte
        return bytes(line)

    def _read_into(self, child: "subprocess.Popen[bytes]", view: memoryview, deadline: float) -> None:
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        while len(view):
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _TooLate
            count = os.readv(pipe, [view])
            if count == 0:
                raise _Ended
            view = view[count:]


class _Ended(Exception):
    pass


class _TooLate(Exception):
    pass


def _end(child: "subprocess.Popen[bytes]") -> None:
    signal_group(child.pid, signal.SIGKILL)
    let_go(child.pid)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
