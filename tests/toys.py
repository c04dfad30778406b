"""Small plug-ins with known behaviour, for tests of the loop."""

import numpy as np
import torch

from isptune.diagnosis.finding import Diagnosis, Finding
from isptune.errors import RenderError
from isptune.facts import JudgeFacts, LevelFacts, ObjectiveFacts, PipelineFacts
from isptune.space import Choice, Real, Space

TOY = ["--pipeline", "tint", "--objective", "redness", "--scene", "cat", "--resize", "24"]
"""Options of a run of the toys."""

SHORT = [
    "--population",
    "6",
    "--generations",
    "3",
    "--confirm",
    "2",
    "--second-opinion",
    "none",
    "--device",
    "cpu",
]
"""Options that make it short."""


class Tint:
    """Adds (r, g) to the scene's red and green; a choice swaps them. Its levels are |r - 0.3|, |g + 0.2|."""

    facts = PipelineFacts(max_batch=7, levels=(LevelFacts("red", 1.0), LevelFacts("green", 1.0)))

    def __init__(self, noise=0.0, with_choice=False):
        params = [Real("tint.red", -0.5, 0.5, 0.0), Real("tint.green", -0.5, 0.5, 0.0)]
        if with_choice:
            params.append(Choice("tint.order", ("rg", "gr"), "rg"))
        self.space = Space(tuple(params))
        self.noise = noise
        self.batches = []

    def render(self, scene, params, seed):
        red, green = params["tint.red"].float(), params["tint.green"].float()
        if params.get("tint.order", "rg") == "gr":
            red, green = green, red
        self.batches.append(len(red))
        images = scene.image.repeat(len(red), 1, 1, 1)
        images[:, 0] += red[:, None, None]
        images[:, 1] += green[:, None, None]
        field = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(seed))
        return (images + self.noise * field).clamp(0, 1)

    def levels(self, params):
        return torch.stack([(params["tint.red"] - 0.3).abs(), (params["tint.green"] + 0.2).abs()], dim=1)


class Moody(Tint):
    """Refuses to render what has red above 0.2, or everything when `always`."""

    def __init__(self, always=False, **options):
        super().__init__(**options)
        self.always = always

    def render(self, scene, params, seed):
        if self.always or bool((params["tint.red"] > 0.2).any()):
            raise RenderError("red is above 0.2")
        return super().render(scene, params, seed)


class ChannelNear:
    """How far the mean of a channel is from a target."""

    def __init__(self, channel, target, direction="minimize"):
        self.channel, self.target = channel, target
        self.facts = ObjectiveFacts(direction, range=(0.0, 1.0), source="a toy")

    def score(self, images, scene):
        return (images[:, self.channel].mean((1, 2)) - self.target).abs()


class RedOfAll:
    """How far red is from 0.8, root mean square over all scenes together: no mean of scores by scene."""

    facts = ObjectiveFacts("minimize", range=(0.0, 1.0), source="a toy")

    def score(self, images, scene):
        return (images[:, 0].mean((1, 2)) - 0.8).abs()

    def evidence(self, images, scene):
        return [(distance**2, 1.0) for distance in self.score(images, scene).double().tolist()]

    def together(self, evidence):
        return float(np.sqrt(sum(one[0] for one in evidence) / sum(one[1] for one in evidence)))


class Picky:
    """Gives NaN for dark pictures, raises for bright ones."""

    facts = ObjectiveFacts("maximize")

    def __init__(self, mood):
        self.mood = mood

    def score(self, images, scene):
        means = images.mean((1, 2, 3))
        if self.mood == "raises" and bool((means > 0.5).any()):
            raise ValueError("too bright\nfor me")
        if self.mood == "nan":
            means[means > 0.5] = float("nan")
        if self.mood == "hopeless":
            means[:] = float("nan")
        return means


class Redder:
    """Prefers the picture whose mean red is nearer to 0.8; a difference of 0.1 makes it rather sure."""

    facts = JudgeFacts("a toy")

    def __init__(self):
        self.pairs = 0

    def prefer(self, first, second, scene):
        self.pairs += len(first)
        distances = [(images[:, 0].mean((1, 2)) - 0.8).abs() for images in (first, second)]
        return torch.sigmoid((distances[1] - distances[0]) * 20)


class RedderAtOnce(Redder):
    """The same for each of some pictures with each of others."""

    def prefer_each(self, first, second, scene):
        distances = [(images[:, 0].mean((1, 2)) - 0.8).abs() for images in (first, second)]
        return torch.sigmoid((distances[1][None] - distances[0][:, None]) * 20)


class Critic(Redder):
    """Also calls pictures with little red pale, and says that they are so at the top left."""

    def describe(self, images, scene):
        findings = [
            (Finding("noise", 2, 0.7), Finding("saturate_weaken", 3, 0.9))
            if float(image[0].mean()) < 0.5
            else ()
            for image in images
        ]
        corner = np.zeros((4, 4))
        corner[0, 0] = 0.9
        return [Diagnosis(found, 0.8, "a toy", corner if found else None) for found in findings]


def tint(argument, **options):
    """A pipeline of two knobs."""
    return Tint(**options)


def moody(argument, **options):
    """A pipeline that fails at times."""
    return Moody(**options)


def redness(argument):
    """Red near 0.8."""
    return ChannelNear(0, 0.8)


def paleness(argument):
    """Red as far from 0.8 as can be: the opposite of redness."""
    return ChannelNear(0, 0.8, "maximize")


def red_of_all(argument):
    """Red near 0.8 over all scenes together."""
    return RedOfAll()


def greenness(argument):
    """Green near 0.3."""
    return ChannelNear(1, 0.3)


def picky(argument):
    """An objective that fails at times: picky:nan, picky:raises, picky:hopeless."""
    return Picky(argument)


def redder(argument, *, reference):
    """A judge of red: redder, redder:at-once or redder:critic."""
    return {None: Redder, "at-once": RedderAtOnce, "critic": Critic}[argument]()


def critic(argument, *, reference):
    """A judge of red that diagnoses."""
    return Critic()
