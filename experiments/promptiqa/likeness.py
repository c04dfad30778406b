"""How often a prompt is called unlike a scene, for scenes that are, may be and are not like it.

    python -m experiments.promptiqa.likeness --data DIR [--photographs 32] [--seed 0]

DIR has photos/kodak/, photos/cid22/ and biq2021/ (pictures and scores.csv). Two sorts of prompts: ten pictures that the
synthetic ISP makes of one photograph's corner at random parameters, as `isptune prompt make --from-run` does, and ten
photographs at the ISP's defaults. Scenes are seen at the ISP's defaults, as a run begins: the same corner, the other
corners of the same photograph, other photographs, and pictures of another kind (text, textures, microscopy, charts,
drawings, the sky at night) that come with scikit-image. The bar was set on Kodak and CID22; BIQ2021's validation part
shows what it gives elsewhere.

It writes `likeness.md` beside this file: shares with 95 % bootstrap intervals over the photographs that were rated.
"""

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from isptune.arrays import Images
from isptune.registry import build
from isptune.report.resampling import mean_interval
from isptune.scenes.images import read_image, to_images
from isptune.scenes.scene import photograph
from objectives.promptiqa.likeness import Likeness

HERE = Path(__file__).parent
OTHER_KINDS = (
    "page", "text", "clock", "coins", "brick", "grass", "gravel", "retina", "immunohistochemistry",
    "hubble_deep_field", "moon", "checkerboard", "colorwheel", "horse", "binary_blobs", "microaneurysms", "cell",
    "logo", "shepp_logan_phantom",
)  # fmt: skip
HEAD = """How often a prompt is called unlike a scene: shares with 95 % bootstrap intervals over prompts.

The same scene is never called unlike. Another kind of picture is, more often than another photograph, where the prompt
shows one photograph; where it shows ten, they lie so far apart themselves that most of everything lies among them. The
statistics see tones, colours and coarse structure, and know no objects: a silence is no proof that a prompt fits.

"""
RATED = 10
SIDE = 384

Shares = dict[str, list[float]]
"""By sort of scene, one share of warnings for each prompt."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="How often a prompt is called unlike a scene.")
    parser.add_argument("--data", type=Path, required=True, help="folder with photos/ and biq2021/")
    parser.add_argument("--photographs", type=int, default=32, help="of each collection")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    random = np.random.default_rng(options.seed)
    pristine = sorted(
        path for name in ("kodak", "cid22") for path in _pictures(options.data / "photos" / name)
    )
    with open(options.data / "biq2021" / "scores.csv", newline="") as text:
        rows = list(csv.DictReader(text))
    biq = sorted(options.data / "biq2021" / row["file"] for row in rows if row["part"] == "validation")
    kinds = [_at_defaults(image) for image in _other_kinds().values()]
    lines = ["| rated | photographs | scene | share with a warning |", "|---|---|---|---|"]
    for name, files in (("Kodak, CID22", pristine), ("BIQ2021", biq)):
        chosen = random.permutation(len(files))[: options.photographs]
        corners = [_corners(read_image(files[index])) for index in chosen]
        seen = [[_at_defaults(corner) for corner in own] for own in corners]
        varied = [_varied(own[0], options.seed + number) for number, own in enumerate(corners)]
        for sort, shares in (("one", _of_one(varied, seen, kinds)), ("ten", _of_ten(seen, kinds, random))):
            for scene, values in shares.items():
                found = mean_interval(values)
                lines.append(
                    f"| {sort} photograph{'s' if sort == 'ten' else ''} | {name} ({len(chosen)}) | {scene} "
                    f"| {found.mean:.3f} ({found.low:.3f} to {found.high:.3f}) |"
                )
                print(lines[-1], flush=True)
    (HERE / "likeness.md").write_text(HEAD + "\n".join(lines) + "\n")


def _of_one(varied: Sequence[list[Images]], seen: Sequence[list[Images]], kinds: Sequence[Images]) -> Shares:
    """Prompts of one photograph each: `varied` of its first corner; `seen` are all corners at the defaults."""
    shares: Shares = {
        "its own corner": [],
        "its other corners": [],
        "other photographs": [],
        "another kind": [],
    }
    for number, own in enumerate(seen):
        rated = Likeness(varied[number], "rated")
        others = [corners[0] for corners in (*seen[:number], *seen[number + 1 :])]
        shares["its own corner"].append(_share(rated, own[:1]))
        shares["its other corners"].append(_share(rated, own[1:]))
        shares["other photographs"].append(_share(rated, others))
        shares["another kind"].append(_share(rated, kinds))
    return shares


def _of_ten(seen: Sequence[list[Images]], kinds: Sequence[Images], random: np.random.Generator) -> Shares:
    """Prompts of ten photographs each; as many of them as there are photographs."""
    shares: Shares = {"other corners of them": [], "other photographs": [], "another kind": []}
    for _ in seen:
        order = random.permutation(len(seen))
        rated = Likeness([seen[i][0] for i in order[:RATED]], "rated")
        shares["other corners of them"].append(_share(rated, [seen[i][1] for i in order[:RATED]]))
        shares["other photographs"].append(_share(rated, [seen[i][0] for i in order[RATED:]]))
        shares["another kind"].append(_share(rated, kinds))
    return shares


def _share(rated: Likeness, scenes: Sequence[Images]) -> float:
    return float(np.mean([bool(rated.warnings([scene])) for scene in scenes]))


def _corners(image: Images) -> list[Images]:
    height, width = image.shape[-2:]
    side = min(SIDE, height, width)
    places = [(top, left) for top in (0, height - side) for left in (0, width - side)]
    return [image[..., top : top + side, left : left + side].contiguous() for top, left in places]


def _varied(image: Images, seed: int) -> list[Images]:
    pipeline = build("pipeline", "synthetic")
    random = np.random.default_rng(seed)
    params = {param.name: torch.from_numpy(random.uniform(0, 1, RATED)) for param in pipeline.space}
    return list(pipeline.render(photograph("rated", image), params, seed).split(1))


def _at_defaults(image: Images) -> Images:
    pipeline = build("pipeline", "synthetic")
    params = {name: torch.tensor([value]) for name, value in pipeline.space.default.items()}
    return pipeline.render(photograph("scene", image), params, 0)


def _other_kinds() -> Mapping[str, Images]:
    import skimage.data
    from skimage.util import img_as_ubyte

    found = {}
    for name in OTHER_KINDS:
        pixels = img_as_ubyte(getattr(skimage.data, name)())
        found[name] = _corners(to_images(pixels[..., :3] if pixels.ndim == 3 else pixels, name))[0]
    return found


def _pictures(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg")]


if __name__ == "__main__":
    main()
