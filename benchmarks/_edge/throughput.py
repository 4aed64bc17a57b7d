"""How fast records go from a spool, or from many actors, into a learner's arrays."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from _abuse.siege import body_of
from _edge.policies import OBSERVATION, driving_policy
from _edge.records import AT_ONCE, MAX_BYTES, fill, steps_in
from _faults.scene import start_actor
from ac_bridge.edge.spool import Spool
from ac_bridge.pacing import percentile
from ac_bridge_client import ActorStream
from ac_bridge_client.clock import monotonic_s
from ac_bridge_protocol.limits import RECORD_BYTES
from ac_bridge_protocol.tasks import TaskSpec
from links.servant import Servant

ACTOR = ("--game", "standin", "--lockstep", "--control-hz", "20", "--smoothing", "none")
BATCH = 256
MIB = 1 << 20
SETTLING_S = 2.0
"""From the first steps of a crowd on, in seconds: then they are counted."""
TASK = TaskSpec.of("progress", rules={"off_track": {"wheels": 3.0}, "stuck": {}})


# --- One spool ------------------------------------------------------------------------------------


def one_spool(records: int, repeats: int) -> dict[str, Any]:
    """Serve a full spool several times over, and measure the floors each time."""
    taken: dict[str, list[float]] = {"stream": [], "websocket": [], "spool": []}
    with tempfile.TemporaryDirectory() as name:
        full = Path(name, "full")
        full.mkdir()
        size = fill(full, records)
        for _ in range(repeats):
            taken["spool"].append(records / _read_s(full))
            taken["websocket"].append(records / _poured_s(full))
            with tempfile.TemporaryDirectory(dir=name) as copy:
                shutil.copytree(full, copy, dirs_exist_ok=True)
                steps, took_s = _streamed(Path(copy), steps_in(records))
            taken["stream"].append(steps / took_s)
    rates = {what: [round(rate) for rate in rates] for what, rates in taken.items()}
    middle = {what: percentile(list(map(float, found)), 0.5) for what, found in rates.items()}
    return {
        "records": records,
        "record_bytes": round(size / records),
        "per_s": rates,
        "of_websocket": round(middle["stream"] / middle["websocket"], 3),
        "of_spool": round(middle["stream"] / middle["spool"], 3),
    }


def _read_s(folder: Path) -> float:
    """Return how long it takes to read a spool through, as the actor reads it."""
    with Spool(folder / "records.spool", max_bytes=MAX_BYTES) as spool:
        began_s, after = monotonic_s(), 0
        while found := spool.read(after, AT_ONCE, RECORD_BYTES):
            after = found[-1][0]
        return monotonic_s() - began_s


def _poured_s(folder: Path) -> float:
    """Return how long the same messages take over a bare WebSocket, when nobody looks at them."""
    with Servant("_edge.pouring", str(folder)) as pouring:
        began_s = monotonic_s()
        with connect(f"ws://127.0.0.1:{pouring.first['port']}", compression=None) as socket:
            for _ in socket:
                pass
        return monotonic_s() - began_s


def _streamed(folder: Path, steps: int) -> tuple[int, float]:
    """Return how many steps came, and how long it took from connecting on."""
    with start_actor(*ACTOR, "--spool", str(folder)) as actor:
        began_s, came = monotonic_s(), 0
        with ActorStream(f"ws://{actor.first}") as stream:
            # Of an episode that goes on, the last step is held back until more is known.
            for batch in stream.batches(steps=BATCH, timeout_s=60.0, linger_s=0.0):
                came += len(batch)
                if came >= steps - 1:
                    break
            took_s = monotonic_s() - began_s
    return came, took_s


# --- A crowd of actors ----------------------------------------------------------------------------


def crowd(actors: int, seconds: float) -> dict[str, Any]:
    """Have many actors drive as fast as they can, and take from all of them."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        programs = [
            stack.enter_context(start_actor(*ACTOR, "--spool", str(folder / f"{number}")))
            for number in range(actors)
        ]
        before_bytes = body_of(os.getpid()).rss_bytes
        uris = [f"ws://{program.first}" for program in programs]
        stream = stack.enter_context(ActorStream(uris, observation=list(OBSERVATION)))
        stream.push_policy(driving_policy(stream.env_spec), version=1)
        stream.wait_policy(1, timeout_s=120.0)
        stream.set_task(TASK, run="bench", seed=1)
        came, took_s = _taken(stream, actors, seconds)
        stats = stream.stats().actors
        each_bytes = [body_of(program.process.pid).rss_bytes for program in programs]
        learner_bytes = body_of(os.getpid()).rss_bytes
    counts = [came[number] for number in range(actors)]
    return {
        "actors": actors,
        "seconds": round(took_s, 1),
        "per_s": round(sum(counts) / took_s),
        "each_per_s": [round(min(counts) / took_s, 1), round(max(counts) / took_s, 1)],
        "fairness": round(min(counts) / max(counts), 3),
        "waiting": sum(one.waiting for one in stats),
        "gaps": sum(one.gaps for one in stats),
        "learner_mib": [round(before_bytes / MIB), round(learner_bytes / MIB)],
        "actor_mib": [round(min(each_bytes) / MIB), round(max(each_bytes) / MIB)],
    }


def _taken(stream: ActorStream, actors: int, seconds: float) -> tuple[Counter[int], float]:
    """Take steps for a while; return how many of each actor, and how long it was."""
    came: Counter[int] = Counter()
    began_s = None
    for batch in stream.batches(steps=BATCH, timeout_s=60.0, linger_s=0.1):
        now_s = monotonic_s()
        came.update(batch.actor.tolist())
        if began_s is None:
            if len(came) == actors:  # from now on all of them drive
                began_s = now_s + SETTLING_S
                came.clear()
        elif now_s < began_s:
            came.clear()
        elif now_s - began_s >= seconds:
            return came, now_s - began_s
    raise AssertionError
