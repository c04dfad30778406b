"""Tables of features drawn at random, for tests of learning."""

import torch

from objectives.training.scorenet.feature_table import FeatureTable
from tests.objectives.fake_encoder import EMBEDDING, FakeEncoder

METRICS = ("tv", "noise", "entropy")


def table(count=240, seed=0, scored=True, versions=1):
    """Pictures whose score depends on two of the metrics and a little on the image.

    With `versions` above 1 so many rows each are versions of one photograph, the further from it the lower the score.
    """
    generator = torch.Generator().manual_seed(seed)
    # Pictures lie close together, as those of real encoders do.
    centre = torch.randn(EMBEDDING, generator=torch.Generator().manual_seed(99))
    images = torch.nn.functional.normalize(
        centre + 0.4 * torch.randn(count, EMBEDDING, generator=generator), dim=1
    )
    metrics = 5 + 2 * torch.randn(count, len(METRICS), generator=generator)
    quality = torch.sigmoid(metrics[:, 0] - metrics[:, 1] + 4 * (images[:, 0] - images[:, 0].mean()))
    unknown = torch.full((count,), torch.nan)
    thumbnails = torch.randn(count, 256, generator=generator)
    thumbnails -= thumbnails.mean(1, keepdim=True)
    encoder = FakeEncoder()
    return FeatureTable(
        encoder=encoder.name,
        encoder_weights=encoder.weights,
        metric_names=METRICS,
        files=tuple(f"{seed}_{i}.png" for i in range(count)),
        hashes=tuple(f"{seed:032x}{i:032x}" for i in range(count)),
        images=images,
        metrics=metrics,
        thumbnails=thumbnails / thumbnails.norm(dim=1, keepdim=True),
        scores=20 + 60 * quality if scored else unknown,
        groups=torch.arange(count) // versions if versions > 1 else torch.full((count,), -1),
        distances=1 - quality if versions > 1 else unknown,
    )
