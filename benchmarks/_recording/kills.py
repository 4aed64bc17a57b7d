"""Kills recorders at random moments, and looks at what they leave."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from _faults.row import Verdict
from _faults.scene import start_actor
from _recording.autopsy import Finding, examine
from _recording.stream import TELEMETRY_HZ, Template, moments
from ac_bridge.clock import SystemClock
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording import Recording
from ac_bridge_recording.topics import StepRecord, Topic
from links.servant import BENCHMARKS

LONGEST_S = 1.6
"""From its first word to its death: beyond the second after which every chunk is finished."""
GROWTH_S = 1.5
"""The file grows within this; else the kill comes anyway."""
WRITE_S = 0.01
"""About what a slow disk takes for a chunk."""
PATIENCE_S = 60.0
FASTEST_HZ = 0.0
"""As much as the writer can take."""
ALLOWED_BEHIND_S = 1.5
"""A second to the next finished chunk, the queue, and a busy machine; where the stream comes in
real time."""


class Plan(NamedTuple):
    """How one recorder dies."""

    seed: int
    """Of what it records."""
    hz: float
    """Moments a second; 0 for as many as it can write."""
    after_s: float
    """From its first word to the kill."""
    writing: bool
    """Whether the disk is slow, and the kill then waits until the file is seen to grow."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kill:
    """One killed recorder."""

    plan: Plan
    finding: Finding


def plans(count: int, seed: int, longest_s: float = LONGEST_S) -> list[Plan]:
    """Draw how so many recorders die: in real time, at full speed, in the midst of a write.

    Args:
        count: how many.
        seed: of all that is drawn.
        longest_s: from a recorder's first word to its death.
    """
    chance = random.Random(seed)  # noqa: S311 -- no secret
    return [
        Plan(
            seed=chance.randrange(1 << 30),
            hz=TELEMETRY_HZ if number % 3 == 0 else FASTEST_HZ,
            after_s=chance.uniform(0.0, longest_s),
            writing=number % 3 == 2,
        )
        for number in range(count)
    ]


def kill_recorder(plan: Plan, folder: Path, made_of: Template) -> Kill:
    """Start a recorder, kill it and look at its file.

    Args:
        plan: how it dies.
        folder: for the file; empty again afterwards.
        made_of: what the stream varies.
    """
    path, mended = folder / f"{plan.seed}.mcap", folder / f"{plan.seed}_mended.mcap"
    clock = SystemClock()
    with _victim(path, plan) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the recorder did not begin")
        clock.sleep_until(clock.now() + plan.after_s)
        if plan.writing:
            _wait_for_growth(path, clock)
            within_s = random.Random(plan.seed).uniform(0.0, WRITE_S)  # noqa: S311 -- no secret
            clock.sleep_until(clock.now() + within_s)
        killed_ns = round(clock.wall() * 1e9)
        process.kill()
        said, _ = process.communicate()
    safe = max((json.loads(line)["safe"] for line in _whole_lines(said)), default=0)
    expected = (record for moment in moments(plan.seed, made_of) for record in moment.records)
    finding = examine(path, expected, safe=safe, killed_ns=killed_ns, mended=mended)
    path.unlink()
    mended.unlink(missing_ok=True)
    return Kill(plan, finding)


@contextlib.contextmanager
def _victim(path: Path, plan: Plan) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [str(path), str(plan.seed), f"{plan.hz:g}", *["slow"] * plan.writing]
    process = subprocess.Popen(
        [sys.executable, "-m", "_recording.victim", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=BENCHMARKS,
    )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        watchdog.cancel()


def _wait_for_growth(path: Path, clock: SystemClock) -> None:
    """Look without a rest until the file grows."""
    size, end_s = path.stat().st_size, clock.now() + GROWTH_S
    while path.stat().st_size == size and clock.now() < end_s:
        pass


def _whole_lines(said: bytes) -> list[bytes]:
    return [line for line in said.splitlines(keepends=True) if line.endswith(b"\n")]


# --- An actor that records ------------------------------------------------------------------------


def kill_actor(seed: int, folder: Path) -> Finding:
    """Kill an actor that records while it is driven in lockstep; look at its file.

    What could be read of the file just before is what was safe. Every step in it must be one that
    the learner made, with the observation that it was given.
    """
    chance = random.Random(seed)  # noqa: S311 -- no secret
    clock = SystemClock()
    options = ("--lockstep", "--game", "standin", "--telemetry-hz", f"{TELEMETRY_HZ:g}")
    driven: list[Driven] = []
    with start_actor(*options, "--record", str(folder)) as actor:
        env = RemoteEnv(f"ws://{actor.first}")
        try:
            env.reset(seed=seed)
            end_s = clock.now() + chance.uniform(0.2, 2 * LONGEST_S)
            while clock.now() < end_s:
                action = [chance.uniform(-0.1, 0.1), chance.random(), 0.0]
                observation, *_, truncated, info = env.step(action)
                driven.append(Driven(observation, info["receipt"].action_id))
                if truncated:
                    env.reset(seed=seed)
            [path] = folder.iterdir()
            safe = sum(Recording(path).counts().values())
            killed_ns = round(clock.wall() * 1e9)
            actor.kill()
        finally:
            env.close()
    finding = examine(path, (), safe=safe, killed_ns=killed_ns, mended=folder / "mended.mcap")
    wrong = (*finding.wrong, *unlike_driven(Recording(path).records(Topic.STEP), driven))
    for left in folder.iterdir():
        left.unlink()
    return dataclasses.replace(finding, wrong=wrong)


class Driven(NamedTuple):
    """What the learner knows of a step."""

    observation: Any
    action_id: int


def unlike_driven(
    records: Iterator[tuple[int, WireModel]], driven: Sequence[Driven]
) -> Iterator[str]:
    """Yield the first recorded step that is not the learner's."""
    for number, (_, record) in enumerate(records):
        assert isinstance(record, StepRecord)
        # The last one may be recorded, and its answer lost with the actor.
        if number >= len(driven):
            if number > len(driven):
                yield f"{number + 1} steps are recorded, {len(driven)} were driven"
                return
            continue
        known = driven[number]
        same = np.array_equal(np.array(record.observation, np.float32), known.observation)
        if not same or record.receipt.action_id != known.action_id:
            yield f"step {number} is not what the learner was given"
            return


# --- The verdict ----------------------------------------------------------------------------------


def kill_all(
    count: int, actors: int, seed: int, made_of: Template, say: Callable[[int, int, str], None]
) -> tuple[list[Kill], list[Finding]]:
    """Kill so many recorders and so many actors, one after another."""
    killed: list[Kill] = []
    actors_killed: list[Finding] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, plan in enumerate(plans(count, seed)):
            say(number, count + actors, "recorders killed")
            killed.append(kill_recorder(plan, folder, made_of))
        for number in range(actors):
            say(count + number, count + actors, "actors killed")
            actors_killed.append(kill_actor(seed + number, folder))
    return killed, actors_killed


def judge(killed: Sequence[Kill], actors: Sequence[Finding] = ()) -> Verdict:
    """Say whether everything that was safe is there, and how much was lost."""
    findings = [*(kill.finding for kill in killed), *actors]
    wrong = [what for finding in findings for what in finding.wrong]
    gone = sum(max(finding.safe - finding.records, 0) for finding in findings)
    live = [kill.finding for kill in killed if kill.plan.hz]
    behind_s = max((finding.behind_s for finding in live if finding.records), default=0.0)
    records = sum(finding.records for finding in findings)
    torn = sum(finding.lost_bytes > 0 for finding in findings)
    measured = (
        f"{len(killed)} recorders and {len(actors)} recording actors killed: {records:,} records "
        f"left, {gone} lost of finished chunks; at most {1e3 * behind_s:.0f} ms lost of a stream "
        f"in real time; {torn} files end in the midst of a chunk, at most "
        f"{max(finding.lost_bytes for finding in findings):,} bytes; read by mcap's own reader, "
        f"and mended: {sum(not finding.wrong for finding in findings)} of {len(findings)}"
    )
    if wrong:
        measured += f"; {wrong[0]}"
    return Verdict(measured, not wrong and not gone and behind_s <= ALLOWED_BEHIND_S)
