"""The share of QR codes and ArUco markers that OpenCV decodes: a task that needs no network.

`task:codes[?codes=FILE&dictionary=4x4_50]`

| option | values |
|---|---|
| codes | a table with the columns `file`, that a scene was made of, and `code`, a line a code: what a QR code says or |
| | `aruco:NUMBER`. Without it scenes know themselves, as those of `chart:codes` do |
| dictionary | the family of ArUco markers, as OpenCV calls it: `4x4_50` (the default), `apriltag_36h11`, ... |

The score is the share of all codes of all scenes. Where it is known where a code lies, the detector looks there alone;
else at the whole picture. The detectors are OpenCV's, at their defaults.

Source: Garrido-Jurado et al. 2014, doi:10.1016/j.patcog.2014.01.005 (ArUco); ISO/IEC 18004 (QR codes); OpenCV.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import cv2
import numpy as np
import torch

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, SceneError, ScoreError, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from isptune.system.tables import read_table
from objectives.charts.codes_chart import ARUCO, DICTIONARY, QR, dictionary
from objectives.charts.regions import Quad
from objectives.checkpoints.reading import sha256_of
from objectives.options import parse_options
from objectives.task.scene_file import ByFile

SOURCE = (
    "Garrido-Jurado et al. 2014, Automatic generation and detection of highly reliable fiducial markers under "
    "occlusion, doi:10.1016/j.patcog.2014.01.005 (ArUco); ISO/IEC 18004 (QR codes); detectors of OpenCV"
)
MARKER = "aruco:"

Gray = np.ndarray
"""[height, width], 8 bits."""


@dataclass(frozen=True)
class Code:
    """What is to be read: the text of a QR code, or `aruco:NUMBER`; and where, if that is known."""

    says: str
    corners: Quad | None = None


@final
@dataclass(frozen=True, eq=False)
class Codes:
    """Objective, ScoresTogether and ChecksScenes; see the module.

    Attributes:
        listed: codes of files; None where scenes know theirs.
        family: of ArUco markers.
        facts: with the file of codes.
    """

    listed: ByFile[tuple[str, ...]] | None
    family: str
    facts: ObjectiveFacts

    def check_scene(self, scene: Scene) -> None:
        """Raises SceneError for one without codes."""
        self._codes(scene)

    def score(self, images: Images, scene: Scene) -> Scores:
        """The share of the scene's codes in each image, float64."""
        return torch.tensor(
            [self.together([one]) for one in self.evidence(images, scene)], dtype=torch.float64
        )

    def evidence(self, images: Images, scene: Scene) -> list[tuple[float, ...]]:
        """How many codes were decoded, and how many there are. Raises ScoreError for an image that holds a NaN."""
        if not bool(images.isfinite().all()):
            raise ScoreError("a picture has values that are no numbers")
        codes = self._codes(scene)
        samples = (images.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        grays = [cv2.cvtColor(np.ascontiguousarray(one), cv2.COLOR_RGB2GRAY) for one in samples]
        return [(float(self._decoded(gray, codes)), float(len(codes))) for gray in grays]

    def together(self, evidence: Sequence[tuple[float, ...]]) -> float:
        """The share of all codes of all scenes."""
        return sum(one[0] for one in evidence) / sum(one[1] for one in evidence)

    def _codes(self, scene: Scene) -> tuple[Code, ...]:
        if self.listed is not None:
            found = tuple(Code(says) for says in self.listed.of(scene) or ())
        else:
            regions = scene.metadata.get("regions", {})
            found = tuple(
                Code(name.removeprefix(QR), at) for name, at in regions.items() if name.startswith(QR)
            )
            found += tuple(
                Code(MARKER + name.removeprefix(ARUCO), at)
                for name, at in regions.items()
                if name.startswith(ARUCO)
            )
        if not found:
            raise SceneError(
                f"{scene.name}: nobody knows which codes it shows; task:codes?codes=FILE says so in a table with the "
                "columns file and code, chart:codes is a chart of them"
            )
        return found

    def _decoded(self, gray: Gray, codes: Sequence[Code]) -> int:
        """How many of them are read in a picture; the same code on it several times is read as often as it is found."""
        placed = [code for code in codes if code.corners is not None]
        found = sum(
            code.says in self._read(_cut(gray, code.corners), code.says) for code in placed if code.corners
        )
        missing = [code.says for code in codes if code.corners is None]
        there = self._read(gray, "") + self._read(gray, MARKER) if missing else []
        return found + sum(min(missing.count(says), there.count(says)) for says in set(missing))

    def _read(self, gray: Gray, kind: str) -> list[str]:
        """What the detector of a code's kind reads in a picture."""
        cv2.setRNGSeed(0)  # the detector of QR codes clusters from drawn points: it shall draw the same ones
        try:
            if kind.startswith(MARKER):
                _, numbers, _ = cv2.aruco.ArucoDetector(dictionary(self.family)).detectMarkers(gray)
                return [] if numbers is None else [f"{MARKER}{number}" for number in numbers.ravel()]
            _, said, _, _ = cv2.QRCodeDetector().detectAndDecodeMulti(gray)
            return [text for text in said if text]
        except cv2.error:  # of places that look like a code, and are none
            return []


def _cut(gray: Gray, corners: Quad) -> Gray:
    """What lies within corners, whole pixels."""
    (left, top), (right, bottom) = (edge(corners, axis=0) for edge in (np.min, np.max))
    rows = slice(max(0, round(top)), max(1, round(bottom)))
    return np.ascontiguousarray(gray[rows, max(0, round(left)) : max(1, round(right))])


def build(argument: str) -> Codes:
    """The objective from what stands behind `task:`; see the module. Raises ConfigError."""
    options = parse_options(
        "task:codes", argument, {"codes": "", "dictionary": DICTIONARY, "task": ""}, first="task"
    )
    family, weights, listed = options["dictionary"], {}, None
    try:
        dictionary(family)
    except (AttributeError, TypeError, cv2.error) as error:
        raise ConfigError(
            f"task:codes: OpenCV has no markers called {one_line(family[:40])!r}, as it has 4x4_50, 6x6_250 and "
            "apriltag_36h11"
        ) from error
    if options["codes"]:
        path = Path(options["codes"]).expanduser()
        listed, weights = _listed(path), {path.name: sha256_of(path)}
    facts = ObjectiveFacts("maximize", (0.0, 1.0), "share decoded", SOURCE, weights=weights)
    return Codes(listed, family, facts)


def _listed(path: Path) -> ByFile[tuple[str, ...]]:
    table = read_table(path)
    file, code = table.place("file"), table.place("code")
    found: dict[str, list[str]] = {}
    for row in table.rows:
        name, says = row.cells[file], row.cells[code]
        if not name or not says:
            raise ConfigError(f"{one_line(str(path))}: line {row.line}: lacks the file or the code")
        found.setdefault(name, []).append(says)
    return ByFile({name: tuple(says) for name, says in found.items()}, one_line(str(path)))
