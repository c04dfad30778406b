"""The keyword arguments of rawpy's `postprocess` as a Python file: it runs as it is, and is read back without running.

rawpy takes enumerations and tuples only as what they are in Python (numbers, words and lists are refused), so that
JSON cannot hold its arguments.
"""

import ast
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError
from pipelines.libraw import child

OF_THE_FILE: Mapping[str, str] = {
    "white_balance": "camera_whitebalance_times",
    "black_offset": "black_level_plus_of_range",
    "white_scale": "white_level_times",
}
"""What depends on the raw file: as the child is asked for it, and as it is called in the file."""

_TEXT = '''"""Written by isptune, for rawpy. Of most sets the arguments are all that there is:

    rawpy.imread("shot.dng").postprocess(**args["postprocess"])

What else stands in `args` depends on the raw file: `develop("shot.dng")` works it out. Either gives 16 bits, [h, w, 3].
"""

from __future__ import annotations

import rawpy

args = {{
    "postprocess": {{
{postprocess}
    }},
{rest}
}}


{functions}


def develop(path):
    """The picture that the set makes of a raw file."""
    with rawpy.imread(str(path)) as raw:
        return raw.postprocess(**{{**args["postprocess"], **of_the_file(raw)}})


def of_the_file(raw):
    """The arguments that depend on the raw file; none where they are the file's own."""
    found = {{}}
    if args["camera_whitebalance_times"] != (1.0, 1.0):
        found.update(white_balance(raw, args["camera_whitebalance_times"]), use_camera_wb=False)
    found.update(levels(raw, args["black_level_plus_of_range"], args["white_level_times"]))
    return found
'''


def to_python(options: Mapping[str, Any]) -> str:
    """The file for what `pipelines.libraw.child.render` takes."""
    rest = {name: tuple(v) if isinstance(v := options[key], list) else v for key, name in OF_THE_FILE.items()}
    arguments = {key: value for key, value in options.items() if key not in OF_THE_FILE}
    # With factors `develop` gives its own white balance; the camera's is what comes nearest without.
    arguments = {"output_bps": 16, "use_camera_wb": True, **arguments}
    return _TEXT.format(
        postprocess="\n".join(
            f'        "{key}": {_literal(key, value)},' for key, value in arguments.items()
        ),
        rest="\n".join(f'    "{key}": {value!r},' for key, value in rest.items()),
        functions="\n\n".join(
            inspect.getsource(part) for part in (child.white_balance, child.levels)
        ).strip(),
    )


def _literal(key: str, value: Any) -> str:
    if key in child.ENUMERATIONS:
        return f"rawpy.{child.ENUMERATIONS[key]}.{value}"
    return repr(tuple(value) if isinstance(value, list) else value)


def is_python(data: bytes) -> bool:
    """Whether a file is one of these."""
    return b"import rawpy" in data and b"\nargs = {" in data


def from_python(data: bytes, path: Path) -> dict[str, Any]:
    """What `args` is in such a file, enumerations by name. Nothing of the file is run.

    Raises:
        ConfigError: it is no Python, or holds anything but plain values and enumerations of rawpy.
    """
    try:
        tree = ast.parse(data.decode("utf-8-sig"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{path}: is no Python that can be read: {error}") from error
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["args"]:
            found = _value(node.value, path)
            if isinstance(found, dict):
                return found
    raise ConfigError(f"{path}: has no args = {{...}}")


def _value(node: ast.expr, path: Path) -> Any:
    if isinstance(node, ast.Dict):
        keys = [None if key is None else _value(key, path) for key in node.keys]
        return dict(zip(keys, (_value(value, path) for value in node.values), strict=True))
    if isinstance(node, ast.Tuple | ast.List):
        return [_value(part, path) for part in node.elts]
    if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("rawpy."):
        return node.attr
    try:
        return ast.literal_eval(node)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: {ast.unparse(node)[:60]!r} in args is no plain value, and no enumeration of rawpy"
        ) from error
