"""Sets for `raw`, tuned on twins of three makers' cameras, each led by one guide.

Usage: python -m experiments.cameras.tune --data DIR [--guides psnr,niqe,pair:psnr] [--isos 3200] [--seeds 0]
[--variance 8]

Eight pristine photographs become raw captures of a camera (`twin:`; noise of darktable's profiles, lens of the default
point spread), and fourteen knobs of `raw`, all that acts on noise and detail, are tuned on them. A guide is an
objective, which sees the sharp photographs as references if it takes any; `isp:OBJECTIVE`, which sees what the
defaults make of a twin without noise; or `pair:OBJECTIVE`: then nothing but pairs of captures is known, of which the
clean one is another shot at ISO 100, 3 and 2 samples aside, with something in it that moved. --variance multiplies that
of the profiles' noise, which is low for single samples. Each set is written as soon as it is found, to sets.json beside
this file (or in --out); a set that is there is not made again. DIR holds photos/cid22 and measured/noiseprofiles.json.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from experiments.raw.unprocessed_gain import TUNED
from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes
from isptune.space import Candidate
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from pipelines.external.camera_tags import TakenWith
from pipelines.external.dng import write_dng

CAMERAS = {"canon": "Canon EOS 550D", "nikon": "Nikon D7100", "sony": "Sony ILCE-6000"}
LEARN, CHECK = slice(0, 8), slice(8, 16)
"""Which photographs, in the order of their names, are tuned on; and which take no part."""

_SHIFT = (3, 2)
"""Samples to the right and down by which the clean shot of a pair is off: no whole period of the filters."""


def photographs(data: Path, part: slice) -> list[Path]:
    """Pristine photographs of CID22, in the order of their names."""
    return sorted((data / "photos" / "cid22").glob("*.png"))[part]


def twin_of(photo: Path, data: Path, camera: str, iso: int, variance: float = 1.0, more: str = "") -> str:
    """The scene of a photograph as a camera records it, with this many times the variance of its profile."""
    profiles = data / "measured" / "noiseprofiles.json"
    return (
        f"twin:{photo}?camera={CAMERAS[camera]}&iso={iso}&noiseprofiles={profiles}&scale={variance:g}{more}"
    )


def pairs(data: Path, camera: str, iso: int, variance: float, folder: Path) -> tuple[str, ...]:
    """Pairs of captures as DNG files: one at the ISO, one at ISO 100, moved, with an object at another place."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = photographs(data, LEARN)
    found = []
    for i, photo in enumerate(photos):
        files = []
        for name, speed, (left, top), at in (
            ("noisy", iso, (0, 0), (200, 240)),
            ("clean", 100, _SHIFT, (260, 230)),
        ):
            picture = folder / f"{photo.stem}_{name}.png"
            _with_object(photo, photos[i - 1], at).save(picture)
            window = f"&crop=252x252+{left}+{top}&seed={speed}"
            [scene] = load_scenes([twin_of(picture, data, camera, speed, variance, window)])
            assert scene.raw is not None
            target = folder / f"{photo.stem}_{name}.dng"
            write_dng(target, scene.raw, taken=_exposed_at(camera, speed))
            files.append(target)
        found.append(f"pair:{files[0]}?clean={files[1]}")
    return tuple(found)


def _exposed_at(camera: str, iso: int) -> TakenWith:
    """An exposure of the same brightness at every ISO, f/8: what a tripod and an automatic exposure give."""
    exif = {(33434, 5): (1, iso), (33437, 5): (8, 1), (34855, 3): iso}
    return TakenWith("isptune", f"twin of {CAMERAS[camera]}", exif)


def _with_object(photo: Path, other: Path, at: tuple[int, int]) -> Image.Image:
    """A photograph with a part of another one in it, 60x60 pixels, at a place: left, top."""
    picture = Image.open(photo).convert("RGB")
    picture.paste(Image.open(other).convert("RGB").crop((100, 100, 160, 160)), at)
    return picture


def tuned(options: argparse.Namespace, guide: str, camera: str, iso: int, seed: int) -> Candidate:
    """What a run recommends."""
    kind, _, objective = guide.rpartition(":")
    variance = options.variance
    noise = "" if variance == 1 else f"x{variance:g}"
    name = f"{camera}_{iso}{noise}_{guide.replace(':', '_')}_{seed}"
    if kind == "pair":
        scenes = pairs(options.data, camera, iso, variance, options.runs / f"pairs_{camera}_{iso}{noise}")
    else:
        more = "&reference=isp" if kind == "isp" else ""
        scenes = tuple(
            twin_of(photo, options.data, camera, iso, variance, more)
            for photo in photographs(options.data, LEARN)
        )
    settings = RunSettings(
        pipeline="raw",
        objectives=(objective,),
        scenes=scenes,
        tune=TUNED,
        population=options.population,
        generations=options.generations,
        seed=seed,
        second_opinions=("none",),
        device="cpu",
    )
    run(Bench(settings), options.runs / name)
    return dict(read_answer(options.runs / name).params)


def read_sets(path: Path) -> list[dict[str, object]]:
    """The sets that are known, or none."""
    return json.loads(path.read_text()) if path.exists() else []


def _write_sets(path: Path, sets: Sequence[dict[str, object]]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(list(sets), indent=1) + "\n")
    os.replace(temporary, path)


def main() -> None:
    """Tune what is not known yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/cameras"))
    parser.add_argument("--guides", default="psnr")
    parser.add_argument("--cameras", default=",".join(CAMERAS))
    parser.add_argument("--isos", default="800,3200,12800")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--variance", type=float, default=1.0, help="times that of the profile's noise")
    parser.add_argument("--population", type=int, default=14)
    parser.add_argument("--generations", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "sets.json"
    wanted = [
        {"camera": camera, "iso": iso, "variance": options.variance, "guide": guide, "seed": seed}
        for seed in map(int, options.seeds.split(","))
        for guide in options.guides.split(",")
        for iso in map(int, options.isos.split(","))
        for camera in options.cameras.split(",")
    ]
    for task in wanted:
        sets = read_sets(path)
        if any(all(known[key] == value for key, value in task.items()) for known in sets):
            continue
        params = tuned(options, task["guide"], task["camera"], task["iso"], task["seed"])
        budget = {"population": options.population, "generations": options.generations}
        _write_sets(path, [*sets, {**task, **budget, "params": params}])
        print(f"{task} done", flush=True)


if __name__ == "__main__":
    main()
