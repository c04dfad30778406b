"""A small ISP of somebody else, in Python: what tests of `command:` and `remote:` start from."""

import json

import torch

SPACE = """
[[param]]
name = "tone.gain"
range = [0.5, 2.0]
default = 1.0
log = true

[[param]]
stage = "tone"
name = "offset"
type = "integer"
range = [-20, 20]
default = 0

[[param]]
name = "order"
type = "choice"
options = ["rgb", "bgr"]
default = "rgb"
"""

ISP = """
import json, pathlib, sys
import cv2, numpy as np
scene, params, out = sys.argv[1:4]
values = json.loads(pathlib.Path(params).read_text())
image = cv2.imread(scene, cv2.IMREAD_UNCHANGED).astype(float) / 65535
image = image * values["tone.gain"] + values["tone.offset"] / 255
image = image[..., ::-1] if values["order"] == "bgr" else image
cv2.imwrite(out, np.round(image.clip(0, 1) * 65535).astype(np.uint16))
"""

PLAIN = """
import json, sys
values = json.load(open(sys.argv[2]))
levels = [values["tone.gain"] * 100 + values["tone.offset"], 90, 120]
pixel = bytes(int(level) for level in (levels if values["order"] == "rgb" else levels[::-1]))
open(sys.argv[3], "wb").write(b"P6 24 16 255 " + pixel * 24 * 16)
"""
"""Starts in a fraction of the time: one colour, by the standard library."""

GOOD = ["{python}", "isp.py", "{scene}", "{params}", "{out}"]


def write_isp(folder, script=ISP, command=GOOD, settings="", space=SPACE):
    """Write a script and its description; the spec of the pipeline."""
    (folder / "isp.py").write_text(script)
    (folder / "isp.toml").write_text(f"command = {json.dumps(command)}\n{settings}\n{space}")
    return f"command:{folder / 'isp.toml'}"


def params_of(gain=1.0, offset=0, order="rgb", batch=1):
    return {
        "tone.gain": torch.full((batch,), float(gain), dtype=torch.float64),
        "tone.offset": torch.full((batch,), float(offset), dtype=torch.float64),
        "order": order,
    }
