"""How long a vote takes when many observers vote at once, and whether every vote arrives.

Usage: python benchmarks/study_load.py [--observers 50] [--votes 60] [--seconds 120] [--out FOLDER]

Makes a study of 100 small pictures in a temporary folder, starts `isptune study serve` on a free port of the
loopback, and lets simulated observers vote through the same HTTP requests as the page, in three ways:

* bursts: all of them in the same instant, once a second;
* people: each by itself, with pauses of 0.3 to 3 s, fetching the pictures of the next pair in between;
* no pause: each sends its next vote as soon as the last one is acknowledged, which no person does: the most
  that the server takes in.

Afterwards the file of answers is read: every vote that was acknowledged must be there, once, with its answer. The
time of a vote is from sending the request to having read the whole answer. Client and server share the machine.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from isptune.study.plan.folder import Plan, Stimulus, stimulus_file, write_study
from isptune.study.votes.answers import Answers

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)(/o/([A-Za-z0-9_-]{32}))")
TIMES = ["median ms", "p95 ms", "p99 ms", "longest ms"]
COLUMNS = ["way", "observers", "votes", "votes/s", *TIMES, "errors", "server CPU ms a vote"]
ANSWER_OF = {"left": "first", "right": "second", "same": "none"}


@dataclass
class Client:
    """One simulated observer with one connection, as a browser keeps it."""

    port: int
    token: str
    rng: random.Random
    kept: dict[int, str] = field(default_factory=dict)
    times_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    state: dict = field(default_factory=dict)

    async def connect(self) -> None:
        """Connect anew, and learn what is asked."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.state = json.loads(await self.request("GET", f"/o/{self.token}/state"))

    async def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", answer)[1])  # pyright: ignore[reportOptionalSubscript]
        content = await self.reader.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 200"):
            self.errors.append(f"{method} {answer.splitlines()[0].decode()}: {content[:100]!r}")
        return content

    async def vote(self) -> None:
        number, answer = self.state["pairs"][0]["number"], self.rng.choice(list(ANSWER_OF))
        vote = {"number": number, "id": self.rng.randbytes(16).hex(), "answer": answer}
        body = json.dumps({**vote, "response_ms": 1234, "screen": [1920, 1080]}).encode()
        started = time.perf_counter()
        content = await self.request("POST", f"/o/{self.token}/vote", body)
        self.times_ms.append(1000 * (time.perf_counter() - started))
        self.kept[number] = answer  # acknowledged, unless `request` noted an error
        self.state = json.loads(content)

    async def fetch_next(self) -> None:
        for side in ("left", "right"):
            await self.request("GET", self.state["pairs"][-1][side])


async def bursts(clients: list[Client], votes: int) -> None:
    for _ in range(votes):
        await asyncio.gather(*(client.vote() for client in clients))
        await asyncio.sleep(1)


async def people(clients: list[Client], votes: int) -> None:
    async def one(client: Client) -> None:
        for _ in range(votes):
            await asyncio.sleep(client.rng.uniform(0.3, 3))
            await client.vote()
            await client.fetch_next()

    await asyncio.gather(*(one(client) for client in clients))


async def no_pause(clients: list[Client], votes: int) -> None:
    async def one(client: Client) -> None:
        for _ in range(votes):
            await client.vote()

    await asyncio.gather(*(one(client) for client in clients))


WAYS: dict[str, Callable[[list[Client], int], Awaitable[None]]] = {
    "bursts": bursts,
    "people": people,
    "no pause": no_pause,
}


def make_study(folder: Path, images: int, side: int) -> None:
    """Noise of rising strength over a ramp: pictures of a realistic size in bytes."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 210, side)[None, :, None] * np.ones((side, 1, 3))
    stimuli = []
    for k in range(images):
        file = stimulus_file("ramp", f"c{k:03d}")
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        picture = np.clip(ramp + rng.normal(0, 1 + k / 4, ramp.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / file), picture)
        stimuli.append(Stimulus("ramp", f"c{k:03d}", file, score=-float(k)))
    write_study(folder, Plan(title="Load"), stimuli)


def started_server(folder: Path, observers: int) -> tuple[subprocess.Popen, int, list[str]]:
    command = [sys.executable, "-c", "from isptune.cli import main; main()", "study", "serve", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [*command, "--port", "0", "--invite", str(observers)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert server.stdout is not None
    links = []
    while len(links) < observers:
        line = server.stdout.readline()
        if not line:
            raise SystemExit(f"the server did not start (status {server.wait()})")
        links += LINK.findall(line)
    return server, int(links[0][0]), [token for _, _, token in links]


def lost_votes(folder: Path, clients: list[Client]) -> tuple[int, int]:
    """Acknowledged votes that are not in the file as they were given, and votes in the file."""
    with Answers(folder / "answers.sqlite") as answers:
        ids = {observer.token: observer.id for observer in answers.observers()}
        there = {(vote.observer, vote.number): vote.answer for vote in answers.votes()}
    kept = {(ids[c.token], number): ANSWER_OF[answer] for c in clients for number, answer in c.kept.items()}
    return sum(there.get(key) != answer for key, answer in kept.items()), len(there)


def cpu_s(process: int) -> float:
    """Processor time that a process has taken so far; NaN where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def line(way: str, clients: list[Client], seconds: float, server_cpu_s: float) -> str:
    times = sorted(ms for client in clients for ms in client.times_ms)
    cuts = statistics.quantiles(times, n=100)
    errors = sum(len(client.errors) for client in clients)
    return (
        f"| {way} | {len(clients)} | {len(times)} | {len(times) / seconds:.0f} | {cuts[49]:.1f} | {cuts[94]:.1f} |"
        f" {cuts[98]:.1f} | {times[-1]:.1f} | {errors} | {1000 * server_cpu_s / len(times):.2f} |"
    )


def sync_ms(folder: Path) -> float:
    """Median time of a small write with its sync on this disk."""
    times = []
    with open(folder / "probe", "wb", buffering=0) as file:
        for _ in range(100):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


async def load(server: int, port: int, tokens: list[str], votes: int, seconds: float) -> list[Client]:
    clients = [Client(port, token, random.Random(k)) for k, token in enumerate(tokens)]
    for way, run in WAYS.items():
        await asyncio.gather(*(client.connect() for client in clients))
        started, cpu_before = time.perf_counter(), cpu_s(server)
        await asyncio.wait_for(run(clients, votes), seconds)
        elapsed = time.perf_counter() - started
        print(line(way, clients, elapsed, cpu_s(server) - cpu_before), flush=True)
        for client in clients:
            client.times_ms.clear()
            client.writer.close()
    return clients


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--observers", type=int, default=50, help="1 to 500")
    parser.add_argument(
        "--votes", type=int, default=30, help="of each observer in each of the ways, 2 to 140"
    )
    parser.add_argument("--seconds", type=float, default=120, help="at most, for each of the ways")
    parser.add_argument("--side", type=int, default=256, help="of the pictures, pixels")
    parser.add_argument(
        "--disk", type=Path, default=None, help="where the study lies; default: temporary files"
    )
    arguments = parser.parse_args()
    if not (1 <= arguments.observers <= 500 and 2 <= arguments.votes <= 140):
        parser.error("--observers is 1 to 500 and --votes 2 to 140")
    with tempfile.TemporaryDirectory(dir=arguments.disk) as temporary:
        folder = Path(temporary) / "study"
        make_study(folder, 100, arguments.side)
        load_before = os.getloadavg()[0]
        print(
            f"{os.cpu_count()} cores, load {load_before:.1f}; a sync takes {sync_ms(folder):.2f} ms (median)"
        )
        print("| " + " | ".join(COLUMNS) + " |")
        print("|" + "---|" * len(COLUMNS))
        server, port, tokens = started_server(folder, arguments.observers)
        try:
            clients = asyncio.run(load(server.pid, port, tokens, arguments.votes, arguments.seconds))
        finally:
            server.terminate()
            server.wait(20)
        lost, there = lost_votes(folder, clients)
        print(f"acknowledged and lost: {lost}; in the file: {there}")
        for error in [error for client in clients for error in client.errors][:5]:
            print(error)


if __name__ == "__main__":
    main()
