"""What is installed: the wheel's content and version, what the code needs, and how a shell completes it."""

import ast
import itertools
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from isptune import __version__
from objectives.encoders.efficientnet_lite import PUBLISHED

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("isptune", "objectives", "pipelines")
CONSOLE_SCRIPT = Path(sys.executable).parent / "isptune"
DATA = {".safetensors", ".html", ".css", ".js", ".svg", ".json", ".typed"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


@pytest.mark.slow
def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {*PACKAGES, f"isptune-{__version__}.dist-info"}


def test_the_wheel_brings_every_file_that_the_packages_read(wheel):
    ours = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in DATA]
    names = {path.relative_to(ROOT).as_posix() for path in ours}
    assert names <= set(wheel.namelist())
    for must in (
        "objectives/weights/scorenet_align.safetensors",
        "isptune/report/templates/run.html",
        "isptune/rating/page/rate.html",
        "isptune/study/site/page/observer.js",
        *(f"{package}/py.typed" for package in PACKAGES),
    ):
        assert must in names


@pytest.mark.slow
def test_the_wheel_the_package_and_the_command_line_have_one_version(wheel):
    metadata = wheel.read(f"isptune-{__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    for command in ([str(CONSOLE_SCRIPT)], [sys.executable, "-m", "isptune"]):
        told = subprocess.run([*command, "--version"], cwd="/", capture_output=True, text=True, check=True)
        assert told.stdout == f"isptune, version {__version__}\n"


def _imported(folder):
    """The packages that the modules of a folder import, at the head or later."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def _name(requirement):
    return re.split(r"[<>=\[!]", requirement)[0].lower().replace("_", "-")


def _distributions_of(modules):
    """Distribution names of each module; one that is not installed is taken to be called as its distribution."""
    known = {module: {module} for module in modules}
    lines = itertools.chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for name in map(_name, lines):
        with suppress(PackageNotFoundError):
            for file in distribution(name).files or []:
                known.setdefault(file.parts[0].removesuffix(".py"), set()).add(name)
    return {module: {_name(name) for name in known[module]} for module in modules}


@pytest.mark.slow
def test_the_code_imports_each_dependency_and_nothing_that_is_not_declared():
    wanted = _distributions_of(set().union(*(_imported(ROOT / package) for package in PACKAGES)))
    core = {_name(line) for line in PROJECT["dependencies"]}
    read = {
        one.package for one in PUBLISHED.values()
    }  # weights, whose file is read and whose code is never run
    assert core <= set().union(read, *wanted.values()), "a core dependency that no module imports"
    extras = PROJECT["optional-dependencies"]
    allowed = core.union(*({_name(line) for line in extras[e]} for e in extras if e not in ("test", "dev")))
    undeclared = {module for module, distributions in wanted.items() if not distributions & allowed}
    # `dask[distributed]` and optuna bring the first two; the others are used where they are there, and never asked for.
    assert undeclared <= {"distributed", "sqlalchemy", "IPython", "pandas"}


@pytest.mark.slow
def test_bash_completes_commands_options_and_choices(tmp_path):
    script = tmp_path / "completion.sh"
    made = subprocess.run([CONSOLE_SCRIPT, "completion", "bash"], capture_output=True, text=True, check=True)
    script.write_text(made.stdout)

    def completed(*words):
        # Outside of a completion there are no options of one to set.
        program = f"compopt() {{ :; }}; source {script}; COMP_LINE='{' '.join(words)}'; COMP_POINT=${{#COMP_LINE}}; "
        program += f"{_registered(made.stdout)} isptune || true; echo ${{COMPREPLY[@]}}"
        path = f"{CONSOLE_SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
        shell = ["bash", "--norc", "-euc", program]
        told = subprocess.run(
            shell, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
        )
        return told.stdout.split()

    assert completed("isptune", "ru") == ["run"]
    assert completed("isptune", "run", "--popul") == ["--population"]
    assert completed("isptune", "completion", "f") == ["fish"]


def _registered(script):
    """The function that the script tells bash to complete `isptune` by."""
    found = re.search(r"complete .*-F (\w+) isptune\b", script)
    assert found, script
    return found.group(1)


@pytest.mark.parametrize(("shell", "words"), [("zsh", "#compdef isptune"), ("fish", "complete --no-files")])
def test_other_shells_get_their_script(isptune, shell, words):
    status, out, err = isptune("completion", shell)
    assert (status, err) == (0, "")
    assert words in out
    assert f"_ISPTUNE_COMPLETE={shell}_complete" in out


def test_an_unknown_shell_is_refused_with_the_known_ones(isptune):
    status, _, err = isptune("completion", "tcsh")
    assert status == 2
    assert "'bash', 'zsh', 'fish'" in err
