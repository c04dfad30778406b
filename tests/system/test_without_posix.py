"""What Windows has not is not needed to import and to help; where it is needed, one line says so.

A process without it stands for Windows: it shows what is asked for, and nothing of how Windows behaves.
"""

import subprocess
import sys
import textwrap

import pytest

TAKE_AWAY = """
    import asyncio, multiprocessing, os, shutil, signal, subprocess, sys, tempfile, types  # theirs has other ways there
    for name in ("fcntl", "resource", "termios", "pwd", "grp", "tty", "pty"):
        sys.modules[name] = None
    gone = {
        os: ("killpg", "getpgid", "setsid", "getuid", "geteuid", "getgid", "fork", "sched_getaffinity", "O_NOFOLLOW",
             "O_CLOEXEC", "O_DIRECTORY", "uname", "mkfifo", "statvfs", "sysconf"),
        signal: ("SIGHUP", "SIGKILL", "SIGXFSZ", "SIGXCPU", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGQUIT",
                 "pthread_sigmask", "set_wakeup_fd"),
    }
    for module, names in gone.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    locked = []
    def locking(descriptor, how, count):
        key = os.fstat(descriptor).st_ino
        if key in locked:
            raise OSError(36, "would lock twice")
        locked.append(key)
    sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
"""


def _without_posix(code, tmp_path):
    whole = textwrap.dedent(TAKE_AWAY) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", whole], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )


def test_help_and_lists_are_printed(tmp_path):
    done = _without_posix(
        """
        from isptune.cli import main
        for words in (["--help"], ["list"], ["--version"]):
            sys.argv = ["isptune", *words]
            try:
                main()
            except SystemExit as leaving:
                assert leaving.code == 0, leaving.code
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "tune-series" in done.stdout


@pytest.mark.slow
def test_every_command_helps(tmp_path):
    done = _without_posix(
        """
        import click
        from isptune.cli import cli
        def help_of(command, path):
            with click.Context(command, info_name=path) as context:
                assert command.get_help(context)
                if isinstance(command, click.Group):
                    for name in command.list_commands(context):
                        found = command.get_command(context, name)
                        assert found is not None, name
                        help_of(found, f"{path} {name}")
        help_of(cli, "isptune")
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_files_are_written_whole_and_folders_are_claimed(tmp_path):
    done = _without_posix(
        """
        from pathlib import Path
        from isptune.errors import RunFolderError
        from isptune.system.claim import claimed
        from isptune.system.disk import appending, make_folder, write_atomically
        write_atomically(Path("a.txt"), b"one\\n")
        write_atomically(Path("a.txt"), b"two\\n")
        assert Path("a.txt").read_bytes() == b"two\\n"
        with appending(Path("log")) as file:
            file.write(b"line\\n")
        with claimed(Path("run"), RunFolderError):
            try:
                with claimed(Path("run"), RunFolderError):
                    raise AssertionError("claimed twice")
            except RunFolderError as error:
                assert "another process" in str(error)
        assert not list(Path().glob(".*.part"))
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_needs_posix_says_so_in_one_line(tmp_path):
    done = _without_posix(
        """
        from isptune.errors import ConfigError
        from pathlib import Path
        from isptune.system.program import run_program
        try:
            run_program([sys.executable, "-c", "pass"], Path(), 5)
        except ConfigError as error:
            print(error)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\n") == 1
    assert "WSL2" in done.stdout
