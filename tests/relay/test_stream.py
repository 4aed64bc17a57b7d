"""A learner whose policy acts on the actor, through a relay: as without one."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook
from ac_bridge.rig import Rig
from ac_bridge.server.house import Access
from ac_bridge.server.parking import Relay
from ac_bridge.server.reach import Reach
from ac_bridge_client import ActorStream, Batch
from ac_bridge_protocol.errors import RefusedError
from helpers.relays import DRIVER, PARK, SPECTATOR, Relaying, relaying
from helpers.taught import TWENTY_STEPS, taught

PATIENCE_S = 30.0
LARGE = b"0.75 1000000 " + b"x" * 300_000
"""A policy in ten chunks."""


@contextlib.contextmanager
def parked(relay: Relaying, folder: Path, *, lockstep: bool = True) -> Iterator[Rig]:
    """Serve an actor that parks at a relay."""
    book = TokenBook.of(driver=DRIVER, spectator=SPECTATOR)
    reach = Reach(access=Access(TokenKeeper(None, book)), relay=Relay(relay.path("pc"), PARK))
    with taught(folder, lockstep=lockstep, reach=reach) as (_, rig):
        yield rig


def ticks(batches: list[Batch]) -> list[tuple[int, int]]:
    """Return episode and tick of each step."""
    return [
        (int(episode), int(tick))
        for batch in batches
        for episode, tick in zip(batch.episode, batch.tick, strict=True)
    ]


def take(stream: ActorStream, steps: int) -> list[Batch]:
    """Take so many steps."""
    found = list(itertools.islice(stream.batches(20, PATIENCE_S), steps // 20))
    assert sum(map(len, found)) == steps
    return found


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_a_policy_goes_there_and_records_come_back(tmp_path: Path, codec: str) -> None:
    """Each step once."""
    with (
        relaying() as relay,
        parked(relay, tmp_path),
        ActorStream(relay.path("pc"), token=DRIVER, codec=codec) as stream,
    ):
        stream.push_policy(LARGE, 1)
        stream.set_task(TWENTY_STEPS, run="r", episodes=10)
        found = take(stream, 200)
        assert ticks(found) == [(e, t) for e in range(1, 11) for t in range(1, 21)]
        assert stream.stats().actors[0].gaps == 0


def test_an_actor_that_leaves_and_comes_back(tmp_path: Path) -> None:
    """Under its name: its records are numbered on, each comes once, and the run goes on."""
    with relaying() as relay:
        with parked(relay, tmp_path, lockstep=False):
            stream = ActorStream(relay.path("pc"), token=DRIVER)
            stream.push_policy(LARGE, 1)
            stream.set_task(TWENTY_STEPS, run="r")
            before = take(stream, 20)
            run = stream.stats().actors[0].run
            assert run is not None
        with stream, parked(relay, tmp_path, lockstep=False):
            after = take(stream, 40)
            [stats] = stream.stats().actors
            assert stats.run is not None
            assert stats.run.spool == run.spool
            assert stats.run.last > run.last
            assert stats.links_replaced >= 1
            assert stats.gaps == 0
            found = ticks(before + after)
            assert len(set(found)) == len(found)


def test_a_relay_that_is_started_anew(tmp_path: Path) -> None:
    """Both sides find it again; the run has gone on meanwhile, and nothing of it is lost."""
    with contextlib.ExitStack() as first:
        relay = first.enter_context(relaying())
        port = int(relay.uri.rsplit(":", 1)[1])
        with (
            parked(relay, tmp_path, lockstep=False),
            ActorStream(relay.path("pc"), token=DRIVER) as stream,
        ):
            stream.push_policy(LARGE, 1)
            stream.set_task(TWENTY_STEPS, run="r")
            before = take(stream, 20)
            first.close()
            with relaying(port=port):
                found = ticks(before + take(stream, 60))
                [stats] = stream.stats().actors
                assert (stats.gaps, stats.unjoined) == (0, 0)
                assert found == [(e, t) for e in range(1, 5) for t in range(1, 21)]


def test_who_may_only_watch_does_not_teach(tmp_path: Path) -> None:
    """The actor's own tokens count."""
    with (
        relaying() as relay,
        parked(relay, tmp_path),
        pytest.raises(RefusedError) as refused,
    ):
        ActorStream(relay.path("pc"), token=SPECTATOR)
    assert refused.value.code == "forbidden"
