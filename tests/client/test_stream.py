"""`ActorStream` over a real socket: policies out, a run, and each step in once."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from ac_bridge.game import NEUTRAL
from ac_bridge.server.reach import Reach
from ac_bridge_client import ActorStream, AsyncActorStream, Batch
from ac_bridge_client.stream_patience import Patience
from ac_bridge_protocol.edge import PolicyState
from ac_bridge_protocol.errors import (
    ConnectError,
    LinkError,
    LinkTimeoutError,
    LocalProtocolError,
    PolicyFailedError,
    PolicyRefusedError,
    RefusedError,
    SettingError,
)
from ac_bridge_protocol.runs import RunEnd
from ac_bridge_protocol.starts import Start, StartAt
from helpers.actors import make_rig, serving, wheel_of
from helpers.certificates import self_signed_files
from helpers.cutting import cutting
from helpers.taught import TWENTY_STEPS, taught

PATIENCE_S = 20.0
STEADY = b"0.75 1000000"


def numbers(batches: list[Batch], actor: int = 0) -> list[tuple[int, int]]:
    """Return episode and tick of all steps of an actor."""
    return [
        (int(episode), int(tick))
        for batch in batches
        for episode, tick, who in zip(batch.episode, batch.tick, batch.actor, strict=True)
        if who == actor
    ]


def all_of(episodes: int) -> list[tuple[int, int]]:
    """Return the same of so many episodes of twenty steps."""
    return [(episode, tick) for episode in range(1, episodes + 1) for tick in range(1, 21)]


def take(stream: ActorStream, steps: int, at_once: int) -> list[Batch]:
    """Take so many steps, in batches that are asked for one after the other."""
    found = list(itertools.islice(stream.batches(at_once, PATIENCE_S), steps // at_once))
    assert sum(map(len, found)) == steps
    return found


@pytest.fixture
def uri(tmp_path: Path) -> Iterator[str]:
    """An actor that takes policies, in lockstep."""
    with taught(tmp_path) as (uri, _):
        yield uri


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_three_episodes_arrive(uri: str, codec: str) -> None:
    """Each step once, joined, with the policy's version; nothing is left in the spool."""
    with ActorStream(uri, codec=codec) as stream:
        stream.push_policy(STEADY, 4)
        stream.wait_policy(4, "ready", PATIENCE_S)
        stream.set_task(TWENTY_STEPS, run="r", episodes=3, seed=1, frames=True)
        episodes = list(itertools.islice(stream.episodes(PATIENCE_S), 3))
        assert [episode.complete for episode in episodes] == [True] * 3
        assert numbers(list(episodes)) == all_of(3)
        first = episodes[0]
        np.testing.assert_array_equal(first.observation[1:], first.next_observation[:-1])
        assert first.observation.shape == (20, stream.env_spec.observation_size)
        assert set(first.policy.tolist()) == {4}
        assert first.action[0].tolist() == [0.0, 0.75, 0.0]
        assert first.truncated.tolist() == [False] * 19 + [True]
        assert first.end_reasons[-1] == "step_limit"
        assert first.frames is not None
        assert "progress_m" in first.terms or first.terms
        stream.wait_policy(4, "active", PATIENCE_S)
        with pytest.raises(LinkTimeoutError, match="Nothing came"):
            next(stream.batches(timeout_s=0.05))
        stream.commit()
        [stats] = stream.stats().actors
        assert (stats.records, stats.duplicates, stats.gaps, stats.unjoined) == (63, 0, 0, 0)
        assert stats.run is not None
        assert stats.policy is not None
        assert stats.run.end is RunEnd.EPISODES
        assert stats.policy.state is PolicyState.ACTIVE
        assert (stats.policy.episode, stats.policy.tick) == (1, 0)
        assert "not driving (episodes)" in str(stream.stats())
        assert "4 active since episode 1, tick 0" in str(stream.stats())
        assert "All 3 episodes" in str(stream.stats())
    with ActorStream(uri) as again, pytest.raises(LinkTimeoutError):
        next(again.batches(timeout_s=0.05))


def test_a_run_is_stopped(tmp_path: Path) -> None:
    """At once; the episode that was cut short comes without its end."""
    with taught(tmp_path, lockstep=False) as (uri, rig), ActorStream(uri) as stream:
        stream.push_policy(STEADY, 1)
        stream.set_task("progress", run="r")
        assert take(stream, 3, 3)
        stream.stop("That will do.", PATIENCE_S)
        assert wheel_of(rig).now == NEUTRAL
        episode = next(stream.episodes(PATIENCE_S))
        assert not episode.complete
        assert episode.truncated[-1]
        assert wheel_of(rig).now == NEUTRAL


def test_the_last_word_is_heard(tmp_path: Path) -> None:
    """A stop right before closing."""
    with taught(tmp_path, lockstep=False) as (uri, rig):
        with ActorStream(uri) as stream:
            stream.push_policy(STEADY, 1)
            stream.set_task("progress", run="r")
            take(stream, 3, 3)
            stream.stop()
        with ActorStream(uri) as again:
            run = again.stats().actors[0].run
            assert run is None or not run.driving
            assert wheel_of(rig).now == NEUTRAL


def test_a_stop_that_nobody_hears(tmp_path: Path) -> None:
    """Is told as such; it is said when the link is back, and the car stays where it is."""
    with taught(tmp_path, lockstep=False) as (uri, _):
        port = urlsplit(uri).port
        assert port is not None
        stream = ActorStream(uri)
        stream.push_policy(STEADY, 1)
        stream.set_task("progress", run="r")
        take(stream, 3, 3)
    with stream:
        with pytest.raises(LinkTimeoutError, match=r"did not confirm within 0\.1 s"):
            stream.stop(timeout_s=0.1)
        with taught(tmp_path, lockstep=False, port=port) as (_, rig):
            stream.stop(timeout_s=PATIENCE_S)
            assert set(wheel_of(rig).states) <= {NEUTRAL}


def test_a_link_that_is_cut_again_and_again(uri: str) -> None:
    """Anywhere in a message, either way: each step comes once, and a large policy arrives."""
    port = urlsplit(uri).port
    assert port is not None
    cut_at = random.Random(4).randrange(140_000, 160_000)
    policy = STEADY + b" " + b"x" * 300_000
    with cutting(port, cut_at) as there, ActorStream(there) as stream:
        stream.push_policy(policy, 1)
        stream.set_task(TWENTY_STEPS, run="r", episodes=20)
        found = take(stream, 400, 8)
        assert numbers(found) == all_of(20)
        [stats] = stream.stats().actors
        assert stats.links_replaced >= 3
        assert stats.gaps == 0


def test_a_refusal_is_logged_once(uri: str, caplog: pytest.LogCaptureFixture) -> None:
    """Though the actor says it again on each link."""
    port = urlsplit(uri).port
    assert port is not None
    with cutting(port, 150_000) as there, ActorStream(there) as stream:
        stream.push_policy(STEADY, 1)
        stream.wait_policy(1, timeout_s=PATIENCE_S)
        stream.push_policy(b"1.5 1", 2)
        with pytest.raises(PolicyRefusedError):
            stream.wait_policy(2, timeout_s=PATIENCE_S)
        stream.set_task(TWENTY_STEPS, run="r", episodes=60)
        take(stream, 1200, 8)
        assert stream.stats().actors[0].links_replaced >= 3
    assert caplog.text.count("policy 2 refused") == 1


def test_the_last_steps_of_a_run_need_none_after_them(uri: str) -> None:
    """A batch that has begun waits only so long for more."""
    with ActorStream(uri) as stream:
        stream.push_policy(STEADY, 1)
        stream.set_task(TWENTY_STEPS, run="r", episodes=1)
        batches = stream.batches(1000, linger_s=0.05)
        found: list[Batch] = []
        while sum(map(len, found)) < 20:
            found.append(next(batches))
        assert numbers(found) == all_of(1)


def test_no_two_actors_live_through_the_same(tmp_path: Path) -> None:
    """A run's seeds are the first one's; each actor's are one more."""
    with (
        taught(tmp_path / "1") as (first, _),
        taught(tmp_path / "2") as (second, _),
        ActorStream([first, second]) as stream,
    ):
        stream.push_policy(STEADY, 1)
        anywhere = [Start(at=StartAt.RANDOM)]
        for run, seed in (("a", 2**32 - 1), ("b", 0)):
            stream.set_task(
                TWENTY_STEPS, run=run, episodes=1, seed=seed, starts=anywhere, frames=True
            )
            episodes = stream.episodes(PATIENCE_S)
            both = sorted(itertools.islice(episodes, 2), key=lambda episode: episode.actor[0])
            began = [episode.frames[0].normalized_position for episode in both if episode.frames]
            assert began[0] != began[1]
            if run == "a":
                of_seed_0 = began[1]
        assert began[0] == of_seed_0


def test_a_learner_that_is_killed_goes_on(uri: str, tmp_path: Path) -> None:
    """From what it committed last: that never comes again, and everything after it does."""
    resume = tmp_path / "resume.json"
    kept: list[Batch] = []
    with ActorStream(uri, resume_file=resume) as stream:
        stream.push_policy(STEADY, 1)
        stream.set_task(TWENTY_STEPS, run="r", episodes=6)
        kept += take(stream, 28, 7)
        stream.commit()
        take(stream, 30, 10)  # not committed: as if killed
    with ActorStream(uri, resume_file=resume) as stream:
        batches = stream.batches(11, PATIENCE_S)
        kept.append(next(batches))
        kept[-1].done()
        next(batches)
    with ActorStream(uri, resume_file=resume) as stream:
        kept += take(stream, 120 - 28 - 11, 9)
        stream.commit()
        assert stream.stats().actors[0].unjoined == 0
    assert numbers(kept) == all_of(6)
    joined = [
        (before.next_observation[-1].tolist(), after.observation[0].tolist())
        for before, after in itertools.pairwise(kept)
        if not before.truncated[-1]
    ]
    assert joined
    assert all(one == other for one, other in joined)


def test_a_learner_that_keeps_its_position(uri: str) -> None:
    """Each step once in its checkpoints, whether it was killed before or after it committed one."""
    checkpoint: tuple[list[Batch], str] = [], ""
    for killed in range(8):
        with ActorStream(uri, position=checkpoint[1]) as stream:
            stream.push_policy(STEADY, 1)
            stream.set_task(TWENTY_STEPS, run="r", episodes=8)
            for number, batch in enumerate(itertools.islice(stream.batches(5, PATIENCE_S), 4)):
                checkpoint = [*checkpoint[0], batch], stream.position()
                if number < 3 or killed % 2:
                    stream.commit()
            if killed < 7:
                next(stream.batches(3, PATIENCE_S))  # in no checkpoint
            assert stream.stats().actors[0].unjoined == 0
    assert numbers(checkpoint[0]) == all_of(8)


def test_an_actor_that_is_started_anew(tmp_path: Path) -> None:
    """It gets the policy and the run again; the episode that it was killed in is not complete."""
    with taught(tmp_path, lockstep=False) as (uri, _):
        port = urlsplit(uri).port
        assert port is not None
        stream = ActorStream(uri)
        stream.push_policy(STEADY, 1)
        stream.set_task(TWENTY_STEPS, run="r")
        take(stream, 5, 5)
    with stream, taught(tmp_path, lockstep=False, port=port):
        episodes = list(itertools.islice(stream.episodes(PATIENCE_S), 2))
        assert [episode.complete for episode in episodes] == [False, True]
        assert episodes[0].truncated[-1]
        assert len(episodes[1]) == 20


def test_an_actor_that_offers_something_else(tmp_path: Path) -> None:
    """No policy for the one before fits: the stream ends, and says so."""
    with taught(tmp_path, lockstep=False) as (uri, _):
        port = urlsplit(uri).port
        assert port is not None
        stream = ActorStream(uri)
    other = taught(tmp_path, lockstep=True, port=port)
    with stream, other, pytest.raises(LinkError, match="something else than before"):
        next(stream.batches(timeout_s=PATIENCE_S))


def test_batches_larger_than_what_may_wait(uri: str) -> None:
    """Room is made as steps are taken, not only as they are acknowledged."""
    with ActorStream(uri, waiting=16) as stream:
        stream.push_policy(STEADY, 1)
        stream.set_task(TWENTY_STEPS, run="r", episodes=10)
        [batch] = take(stream, 200, 200)
        assert numbers([batch]) == all_of(10)


def test_two_actors(tmp_path: Path) -> None:
    """Both drive, and each step says whose it is."""
    with taught(tmp_path / "1") as (one, _), taught(tmp_path / "2") as (other, _):
        with ActorStream([one, other]) as stream:
            stream.push_policy(STEADY, 1)
            stream.set_task(TWENTY_STEPS, run="r", episodes=3)
            found = take(stream, 120, 8)
            assert numbers(found, 0) == numbers(found, 1) == all_of(3)
            assert len(str(stream.stats()).split("\n\n")) == 2
        with pytest.raises(SettingError):
            ActorStream([one, one])


def test_refused_policies(uri: str) -> None:
    """With the actor's words; the next may be good. One that fails later is told of, too."""
    with ActorStream(uri) as stream:
        stream.push_policy(b"1.5 1", 1)
        with pytest.raises(PolicyRefusedError, match=r"Too much of it\. Less\.") as refused:
            stream.wait_policy(1, timeout_s=PATIENCE_S)
        assert refused.value.reason == "not_finite"
        with pytest.raises(SettingError, match="version"):
            stream.push_policy(STEADY, 1)
        stream.push_policy(b"0.5 3", 2)
        with pytest.raises(LocalProtocolError):
            stream.wait_policy(1)
        stream.wait_policy(2, "ready", PATIENCE_S)
        with pytest.raises(LinkTimeoutError):
            stream.wait_policy(2, "active", 0.05)
        stream.set_task(TWENTY_STEPS, run="r")
        take(stream, 3, 3)  # it has failed at the fourth
        with pytest.raises(PolicyFailedError, match="ran out"):
            stream.wait_policy(2, "active", PATIENCE_S)
    with ActorStream(uri) as another:
        another.push_policy(STEADY, 2)
        with pytest.raises(PolicyRefusedError, match="not above 2"):
            another.wait_policy(2, timeout_s=PATIENCE_S)


def test_who_is_not_let_in(uri: str) -> None:
    """An actor without a spool says no; nobody answers in time; nothing is left running."""
    with serving(make_rig()) as (plain, _), pytest.raises(RefusedError, match="--spool"):
        ActorStream(plain)
    with pytest.raises(ConnectError):
        ActorStream("ws://127.0.0.1:9", connect_timeout_s=0.2)
    with pytest.raises(SettingError, match="mode"):
        ActorStream(uri, mode="sideways")
    stream = ActorStream(uri)
    with pytest.raises(SettingError):
        stream.set_task("progress", run="no spaces")
    stream.close()
    stream.close()
    with pytest.raises(LinkError, match="was closed"):
        next(stream.batches())
    with pytest.raises(LinkError, match="was closed"):
        stream.push_policy(STEADY, 1)
    assert not [one for one in threading.enumerate() if one.name.startswith("ac-bridge-stream")]


def test_one_learner_gives_way_to_the_next(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An actor that has a learner is tried until that one has gone."""
    first, refused = ActorStream(uri), list[str]()

    def is_over(self: Patience, error: LinkError, now_s: float) -> bool:
        refused.append(error.message)
        first.close()
        return patient(self, error, now_s)

    patient = Patience.is_over
    monkeypatch.setattr(Patience, "is_over", is_over)
    with first, ActorStream(uri) as second:
        assert second.stats().actors[0].connected
        assert "teaches this actor" in refused[0]


def test_over_tls(tmp_path: Path) -> None:
    """The same, large messages and all."""
    files = self_signed_files(tmp_path)
    reach = Reach(tls=files.server())
    with (
        taught(tmp_path, reach=reach) as (uri, _),
        ActorStream(uri, fingerprint=files.fingerprint) as stream,
    ):
        stream.push_policy(STEADY + b" " + b"x" * 200_000, 1)
        stream.set_task(TWENTY_STEPS, run="r", episodes=10)
        assert numbers(take(stream, 200, 20)) == all_of(10)


def test_coroutines(uri: str) -> None:
    """The same as coroutines; closing ends a wait."""

    async def learn() -> None:
        async with await AsyncActorStream.connect(uri) as stream:
            await stream.push_policy(STEADY, 1)
            await stream.wait_policy(1)
            await stream.set_task(TWENTY_STEPS, run="r", episodes=1)
            async for episode in stream.episodes(PATIENCE_S):
                assert numbers([episode]) == all_of(1)
                break
            assert "upto" in await stream.position()
            await stream.commit()
            assert stream.stats().actors[0].records == 21
            assert stream.env_spec.action
            waiting = asyncio.ensure_future(anext(stream.batches()))
            await asyncio.sleep(0)
        with pytest.raises(LinkError, match="was closed"):
            await waiting

    asyncio.run(learn())
