"""Run folders made by code, with known numbers, for tests of the reports."""

import json
import math

import numpy as np
from PIL import Image

from isptune.runs.files import write_record
from isptune.runs.log import Generation, RunLog, Trial

SPACE = [
    {"name": "denoise.strength", "kind": "real", "low": 0.0, "high": 1.0, "log": False, "default": 0.9, "unit": "",
     "help": "", "options": None},
    {"name": "sharpen.radius", "kind": "real", "low": 0.1, "high": 10.0, "log": True, "default": 1.0, "unit": "px",
     "help": "", "options": None},
    {"name": "tone.points", "kind": "integer", "low": 2, "high": 18, "log": False, "default": 4, "unit": "",
     "help": "", "options": None},
]  # fmt: skip
CHOICE = {"name": "demosaic.method", "kind": "choice", "low": None, "high": None, "log": None, "default": "fast",
          "unit": "", "help": "", "options": ["fast", "careful", "slow"]}  # fmt: skip
TARGET = {"denoise.strength": 0.3, "sharpen.radius": 2.0, "tone.points": 12, "demosaic.method": "careful"}
LEVELS = {"names": ["gaussian_blur", "white_noise"], "ranges": [4.0, 0.1], "units": ["px", "variance"]}
DIRECTIONS = {"ssim": "maximize", "tv": "minimize", "niqe": "minimize"}


def write_run(
    folder,
    objectives=("ssim",),
    repeats=1,
    generations=12,
    population=8,
    choice=False,
    levels=True,
    finished=True,
    scenes=("astronaut",),
    failing=lambda generation, number: None,
    seed=0,
    bias=0.0,
    opinions=None,
    warnings=(),
    config=None,
):
    """Write a whole run folder; returns its generations and its recommended.json."""
    folder.mkdir(parents=True, exist_ok=True)
    log, space = RunLog(folder), [*SPACE, CHOICE] if choice else SPACE
    write_record(
        folder,
        "config.json",
        _config(objectives, scenes, population, generations, repeats, seed) | (config or {}),
    )
    write_record(folder, "bench.json", _bench(space, objectives, scenes, levels))
    write_record(
        folder,
        "provenance.json",
        {"isptune": "0.1.0", "packages": {"numpy": "2.0"}, "scenes": dict.fromkeys(scenes, "ab12")},
    )
    search = _Search(space, objectives, levels, np.random.default_rng([seed, *map(ord, objectives[0])]))
    log_of = [search.generation(g, generations, population, repeats, failing) for g in range(generations)]
    with log.open() as writer:
        for generation in log_of:
            writer.append(generation)
    if not finished:
        return log_of, None
    answer = _answer(search, repeats, seed, bias, opinions, warnings)
    write_record(folder, "recommended.json", answer)
    write_images(folder / "images", scenes)
    return log_of, answer


def write_images(folder, scenes, size=(400, 300), spot=(300, 200)):
    """A gradient; the recommended picture has a bright, noisy spot of 60 x 60 pixels at `spot`."""
    folder.mkdir(exist_ok=True)
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    reference = np.stack([x * 255 // size[0], y * 255 // size[1], (x + y) % 64 + 90], axis=2).astype(np.uint8)
    default = np.clip(reference.astype(int) + 3, 0, 255).astype(np.uint8)
    default[spot[1] : spot[1] + 60, spot[0] : spot[0] + 60] //= 3
    for scene in scenes:
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in scene)
        for kind, pixels in (("default", default), ("recommended", reference), ("reference", reference)):
            Image.fromarray(pixels).save(folder / f"{stem}_{kind}.png")


class _Search:
    """A search whose population shrinks onto TARGET, with scores that fall off with the distance from it."""

    def __init__(self, space, objectives, levels, rng):
        self.space, self.objectives, self.levels, self.rng = space, objectives, levels, rng

    def generation(self, index, total, population, repeats, failing):
        reach = 0.5 * (1 - index / total) ** 1.5
        trials, number = [], 0
        for repeat in range(repeats):
            for _ in range(population):
                params = {item["name"]: self._value(item, reach) for item in self.space}
                trials.append(self.trial(repeat, params, failing(index, number)))
                number += 1
        return Generation(index, 1000 + index, tuple(trials))

    def trial(self, repeat, params, error=None, bias=0.0):
        levels = self.levels_of(params, bias)
        if error is not None:
            return Trial(repeat, params, error=error)
        known = (
            {"levels": levels, "l1": l1(levels), "l1_normalised": l1(levels, normalised=True)}
            if levels
            else {}
        )
        return Trial(repeat, params, {name: self.score(name, params) for name in self.objectives}, **known)

    def score(self, name, params):
        distances = [self._distance(item, params) for item in self.space]
        weights = [3.0, 1.0, 0.3, 0.5]
        loss = sum(w * d * d for w, d in zip(weights, distances, strict=False)) + 0.002 * self.rng.normal()
        if name == "tv":
            loss = 0.4 + 0.5 * params["denoise.strength"] + 0.1 * loss
        return 1 - loss if DIRECTIONS[name] == "maximize" else 5 * loss

    def levels_of(self, params, bias=0.0):
        if not self.levels:
            return ()
        first = 4 * (params["denoise.strength"] - TARGET["denoise.strength"]) + bias
        return (first, 0.1 * abs(math.log10(params["sharpen.radius"] / TARGET["sharpen.radius"])))

    def _distance(self, item, params):
        name = item["name"]
        if item["kind"] == "choice":
            return float(params[name] != TARGET[name])
        if item["log"]:
            return math.log(params[name] / TARGET[name]) / math.log(item["high"] / item["low"])
        return (params[name] - TARGET[name]) / (item["high"] - item["low"])

    def _value(self, item, reach):
        if item["kind"] == "choice":
            return (
                TARGET[item["name"]] if self.rng.random() > reach else str(self.rng.choice(item["options"]))
            )
        low, high = item["low"], item["high"]
        if item["log"]:
            value = TARGET[item["name"]] * math.exp(self.rng.normal() * reach * math.log(high / low) / 2)
        else:
            value = TARGET[item["name"]] + self.rng.normal() * reach * (high - low)
        value = min(max(value, low), high)
        return round(value) if item["kind"] == "integer" else float(value)


def l1(levels, normalised=False):
    parts = [abs(x) / (r if normalised else 1) for x, r in zip(levels, LEVELS["ranges"], strict=True)]
    return sum(parts) / len(parts)


def _answer(search, repeats, seed, bias, opinions, warnings):
    default = {item["name"]: item["default"] for item in search.space}
    each = []
    for repeat in range(repeats):
        params = {item["name"]: TARGET[item["name"]] for item in search.space}
        params["denoise.strength"] += 0.01 * float(search.rng.normal())
        levels = search.levels_of(params, bias)
        scores = {
            name: _interval([search.score(name, params) for _ in range(10)]) for name in search.objectives
        }
        each.append(
            {"repeat": repeat, "seed": seed + repeat, "params": params, "objectives": scores, "levels": list(levels),
             "l1": l1(levels) if levels else None, "l1_normalised": l1(levels, True) if levels else None,
             "stop_reason": "budget of 96 evaluations used", "error": None}
        )  # fmt: skip
    first = search.objectives[0]
    sign = 1 if DIRECTIONS[first] == "maximize" else -1
    chosen = max(each, key=lambda part: sign * part["objectives"][first]["mean"])
    before = search.levels_of(default)
    known = dict.fromkeys(("levels", "l1", "l1_normalised"))
    if search.levels:
        known = {"levels": {"recommended": chosen["levels"], "default": list(before)},
                 "l1": {"recommended": chosen["l1"], "default": l1(before)},
                 "l1_normalised": {"recommended": chosen["l1_normalised"], "default": l1(before, True)}}  # fmt: skip
    return {
        "params": chosen["params"], "default": default, "repeat": chosen["repeat"],
        "stop_reason": chosen["stop_reason"], "seeds": list(range(10)),
        "objectives": {name: {"recommended": chosen["objectives"][name],
                              "default": _interval([search.score(name, default) for _ in range(10)])}
                       for name in search.objectives},
        **known, "repeats": each,
        "front": [] if len(search.objectives) < 2 else _front(search),
        "second_opinions": opinions if opinions is not None else [
            {"objective": "gmsd", "direction": "minimize", "default": 0.11, "recommended": 0.02, "says": "better"},
            {"objective": "brisque", "direction": "minimize", "default": 31.5, "recommended": 31.4, "says": "same"},
        ],
        "warnings": list(warnings),
    }  # fmt: skip


def _front(search):
    members = []
    for strength in np.linspace(0.0, 0.3, 12):
        params = {item["name"]: TARGET[item["name"]] for item in search.space} | {
            "denoise.strength": float(strength)
        }
        members.append(
            {"params": params, "scores": {name: search.score(name, params) for name in search.objectives}}
        )
    return members


def _interval(values):
    mean, half = float(np.mean(values)), float(2.26 * np.std(values, ddof=1) / math.sqrt(len(values)))
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": len(values)}


def _config(objectives, scenes, population, generations, repeats, seed):
    return {"pipeline": "synthetic", "pipeline_options": {"map": "warped"}, "objectives": list(objectives),
            "optimizer": "cma", "scenes": list(scenes), "crop": None, "resize": None, "population": population,
            "generations": max(1, generations), "repeats": repeats, "seed": seed, "tune": ["*"],
            "device": "auto"}  # fmt: skip


def _bench(space, objectives, scenes, levels):
    return json.loads(json.dumps({
        "space": space,
        "levels": LEVELS if levels else None,
        "optimizer": "cma",
        "objectives": [{"name": name, "direction": DIRECTIONS[name], "unit": "", "range": [None, None],
                        "source": f"source of {name}"} for name in objectives],
        "scenes": [{"name": name, "width": 400, "height": 300, "has_reference": True} for name in scenes],
    }))  # fmt: skip
