from collections.abc import Iterator
from isptune.scenes.raw_frame import Frame
from isptune.scenes.raw_tags import Tags


def doubts(frame: Frame, tags: Tags) -> Iterator[str]:
    return iter(())
