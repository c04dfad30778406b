"""How long PromptIQA's compact network takes: `python benchmarks/prompted_scoring.py [--images 30] [--threads 2]`.

Ten versions of one photograph are the prompt, a population of 512x384 is scored. Prints a Markdown table: the first
call, which encodes the prompt too, and the best of several later ones; time that passed, and CPU time of all threads.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import torch
from scoring import best_ms, environment, noisy_batch

from isptune.scenes.images import write_image
from isptune.scenes.scene import load_scenes
from objectives.promptiqa import promptiqa

PAIRS = 10


def main() -> None:
    """Time a population, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=30, help="in the batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    scene = load_scenes(["astronaut"], crop="512x384")[0]
    images = noisy_batch(scene, options.images)
    with tempfile.TemporaryDirectory() as folder:
        objective = promptiqa.build(f"prompt={rated(Path(folder), images)}")
        start, start_cpu = time.perf_counter(), time.process_time()
        objective.score(images, scene)
        first = 1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - start_cpu)
        later = best_ms(lambda: objective.score(images, scene), options.repeats)
    print(environment(options.threads, options.images), end="\n\n")
    print("| call | ms | CPU ms |")
    print("|---|---|---|")
    for name, (passed, used) in (("first, with the prompt", first), ("later", later)):
        print(f"| {name} | {passed:.0f} | {used:.0f} |")


def rated(folder: Path, images: torch.Tensor) -> Path:
    """A prompt that likes noise."""
    lines = ["image,score"]
    for number in range(PAIRS):
        write_image(folder / f"{number}.png", images[number * len(images) // PAIRS].unsqueeze(0))
        lines.append(f"{number}.png,{number}")
    (folder / "rated.csv").write_text("\n".join(lines) + "\n")
    return folder / "rated.csv"


if __name__ == "__main__":
    main()
