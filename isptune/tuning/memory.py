"""What was rendered, kept for when the same is asked for again."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import final

import torch

from isptune.arrays import Images
from isptune.space import Candidate

LIMIT_BYTES = 1 << 29
"""Of the pictures that are kept."""

Key = tuple[int, int | None, tuple[tuple[str, float | str], ...]]
"""The scene's number, the seed where it counts, and the values; see `of_regions` for the pictures of regions."""


def of_regions(scene: int) -> int:
    """What stands for a scene's number where pictures of its regions are kept beside whole ones."""
    return -1 - scene


@final
class Memory:
    """Pictures by candidate, scene and noise seed.

    Of a pipeline that draws no noise a seed says nothing: its pictures are kept whoever asked for them. Of one that
    does, they are kept only where that is asked for: no generation sees the noise of another one. Beyond the limit, the
    pictures that nobody asked for the longest go first.

    Args:
        draws_noise: whether a picture depends on the seed.
        limit_bytes: how much memory all pictures may take.
    """

    def __init__(self, draws_noise: bool, limit_bytes: int = LIMIT_BYTES):
        self.draws_noise = draws_noise
        self._limit, self._bytes = limit_bytes, 0
        self._pictures: OrderedDict[Key, Images] = OrderedDict()

    def key(self, candidate: Candidate, scene: int, seed: int) -> Key:
        """What a picture depends on; `scene` is its number."""
        return scene, seed if self.draws_noise else None, tuple(sorted(candidate.items()))

    def rendered(
        self,
        candidates: Sequence[Candidate],
        scene: int,
        seed: int,
        keep: bool,
        render: Callable[[tuple[Candidate, ...]], Images],
    ) -> Images:
        """The pictures of candidates of equal choices; what is not known is rendered as one batch.

        Args:
            candidates, scene, seed: what is wanted.
            keep: whether the same will be asked for again, of a pipeline that draws noise.
            render: renders candidates.
        """
        keys = [self.key(candidate, scene, seed) for candidate in candidates]
        missing = {key: one for key, one in zip(keys, candidates, strict=True) if key not in self._pictures}
        if len(missing) == len(candidates):
            images = render(tuple(candidates))
            found = dict(zip(keys, images.split(1), strict=True))
        else:
            new = render(tuple(missing.values())).split(1) if missing else ()
            found = dict(zip(missing, new, strict=True))
            images = torch.cat([found[key] if key in found else self._pictures[key] for key in keys])
        for key in keys:
            if key in self._pictures:
                self._pictures.move_to_end(key)
        if keep or not self.draws_noise:
            for key, image in found.items():
                self._keep(key, image)
        return images

    def _keep(self, key: Key, image: Images) -> None:
        size = image.nbytes
        if size > self._limit:
            return
        self._pictures[key] = image.clone()  # a part of a batch would keep all of it
        self._bytes += size
        while self._bytes > self._limit:
            _, oldest = self._pictures.popitem(last=False)
            self._bytes -= oldest.nbytes
