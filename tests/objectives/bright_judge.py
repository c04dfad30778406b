"""A judge behind the stub of a server whose model prefers bright pictures; for tests of what it asks and keeps."""

import math

import torch

from objectives.judges.endpoint import build
from tests.objectives.judges.chat_stub import SLOPE

KEY = "sk-very-secret-0123456789"


def judge(stub, options="cache=off", **more):
    return build(f"{stub.url},model=bright,{options}", **more)


def flat(*levels, size=(6, 8)):
    """Pictures of one level each, 0 to 255."""
    return torch.stack([torch.full((3, *size), level / 255) for level in levels])


def expected(a, b, lean=0.0):
    return 1 / (1 + math.exp(-SLOPE * (a - b) - lean))
