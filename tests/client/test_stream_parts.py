"""The pure parts of a stream: what is said to actors, what is taken from them, what is kept."""

from __future__ import annotations

import base64
import collections
import hashlib
from pathlib import Path

import numpy as np
import pytest

from ac_bridge_client import stream_resume
from ac_bridge_client.stream_batch import batch_of, episode_of
from ac_bridge_client.stream_intake import Bookmark, Step
from ac_bridge_client.stream_patience import BUSY_S, Patience
from ac_bridge_client.stream_push import Push
from ac_bridge_client.stream_taking import Taking
from ac_bridge_client.stream_wish import Wish
from ac_bridge_protocol.edge import (
    PolicyChunk,
    PolicyOffer,
    PolicyState,
    PolicyStatus,
    RunStart,
    RunStatus,
    RunStop,
)
from ac_bridge_protocol.errors import ConnectError, ErrorCode, RefusedError, SettingError
from ac_bridge_protocol.experience import Transition, to_bytes
from ac_bridge_protocol.limits import CHUNK_BYTES
from ac_bridge_protocol.runs import RunTerms
from helpers.wire import make_receipt

SPOOL = "a" * 32
DATA = bytes(range(256)) * 300
OFFER = PolicyOffer(
    version=3, sha256=hashlib.sha256(DATA).hexdigest(), size_bytes=len(DATA), spec="0" * 64
)


def status(state: PolicyState, received: int = 0, version: int = 3) -> PolicyStatus:
    """Return what an actor says of a policy."""
    return PolicyStatus(version=version, state=state, received_bytes=received)


def sent(push: Push) -> bytes:
    """Have everything said that is to be said; return the bytes that went along."""
    data = b""
    while (message := push.next_message()) is not None:
        assert isinstance(message, PolicyChunk)
        data += base64.b64decode(message.data)
    return data


def test_a_policy_is_offered_and_sent() -> None:
    """What the actor lacks, once it has said so; and nothing more."""
    push = Push(OFFER, DATA)
    push.hear(status(PolicyState.ACTIVE))  # of another learner's, before the offer
    assert push.status is None
    assert push.next_message() == OFFER
    assert push.next_message() is None
    push.hear(status(PolicyState.WANTED, 10))
    assert sent(push) == DATA[10:]
    push.hear(status(PolicyState.CHECKING))
    push.hear(status(PolicyState.READY, version=2))
    assert push.status is not None
    assert push.status.state is PolicyState.CHECKING
    assert not push.sending


def test_a_cut_push_goes_on() -> None:
    """On the next link the same offer comes first; then what the actor says it lacks."""
    push = Push(OFFER, DATA)
    push.next_message()
    push.hear(status(PolicyState.WANTED))
    push.next_message()
    push.connected()
    assert push.next_message() == OFFER
    push.hear(status(PolicyState.WANTED, CHUNK_BYTES))
    assert sent(push) == DATA[CHUNK_BYTES:]


def test_a_refused_policy_is_not_offered_again() -> None:
    """Nor one that failed."""
    push = Push(OFFER, DATA)
    push.next_message()
    push.hear(status(PolicyState.REFUSED))
    push.connected()
    assert push.failed
    assert push.next_message() is None


def run_status(run: str | None, *, driving: bool) -> RunStatus:
    """Return how a run stands."""
    return RunStatus(
        run=run, driving=driving, episodes=0, spool=SPOOL, last=0, acknowledged=0, dropped=0
    )


def test_a_run_is_asked_for_until_it_is_over() -> None:
    """On each link anew; one that is over is not begun again."""
    wish, start = Wish(), RunStart(terms=RunTerms(run="r"))
    assert wish.next_message() is None
    wish.set(start)
    assert [wish.next_message(), wish.next_message()] == [start, None]
    wish.connected()  # the actor may never have heard it
    wish.hear(run_status("r", driving=False))
    assert wish.next_message() == start
    wish.hear(run_status("r", driving=True))
    wish.connected()
    wish.hear(run_status(None, driving=False))  # the actor was started anew
    assert wish.next_message() == start
    wish.connected()
    wish.hear(run_status("r", driving=False))
    assert wish.next_message() is None


def test_a_stop_is_said_until_it_is_heard() -> None:
    """And no longer."""
    wish, stop = Wish(), RunStop(why="Enough.")
    wish.set(stop)
    wish.hear(run_status("r", driving=False))
    assert not wish.done  # that was said before it could hear
    assert wish.next_message() == stop
    wish.connected()
    wish.hear(run_status("r", driving=True))
    assert wish.next_message() == stop
    assert not wish.done
    wish.hear(run_status("r", driving=False))
    assert wish.done
    wish.connected()
    wish.hear(run_status("r", driving=False))
    assert wish.next_message() is None


def test_patience() -> None:
    """Half a minute with a busy actor, for ever with an absent one, none with one that objects."""
    away = ConnectError("Nobody.", uri="ws://x")
    busy = RefusedError(ErrorCode.BUSY, "Somebody.")
    first = Patience(10.0, known=False, now_s=0.0)
    assert [first.is_over(away, now_s) for now_s in (9.0, 10.0)] == [False, True]
    known = Patience(10.0, known=True, now_s=0.0)
    assert not known.is_over(away, 1e6)
    assert not known.is_over(busy, 1e6)
    assert not known.is_over(busy, 1e6 + BUSY_S - 1)
    assert known.is_over(busy, 1e6 + BUSY_S)
    assert first.is_over(RefusedError(ErrorCode.UNAUTHORIZED, "No."), 0.0)


def step(
    number: int,
    *,
    episode: int = 1,
    last: bool = False,
    extras: tuple[str, ...] = (),
    **terms: float,
) -> Step:
    """Return a step."""
    record = Transition(
        run="r",
        episode=episode,
        tick=number,
        policy=1,
        action=to_bytes([0.0, 1.0]),
        extras={name: to_bytes([0.5]) for name in extras},
        receipt=make_receipt(),
        reward=0.25,
        terms=terms,
        terminated=False,
        truncated=last,
        observation=to_bytes([0.0]),
    )
    seen = np.array([float(number)], np.float32)
    return Step(SPOOL, number, seen, seen + 1, record, first=number == 1, last=last)


def taking(*queues: list[Step]) -> Taking:
    """Return what takes steps of several actors."""
    return Taking([collections.deque(steps) for steps in queues])


def test_actors_take_turns() -> None:
    """Each gives a share; what is missing comes from who has more."""
    some = taking([step(n) for n in range(1, 9)], [step(n) for n in range(1, 3)], [])
    assert some.gather(6)
    found = [(actor, one.number) for actor, one in some.gathered()]
    assert found == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (0, 4)]
    assert not some.gather(6)
    assert not some.is_empty
    some.start_over()
    assert some.gather(4)
    assert [one.number for _, one in some.gathered()] == [5, 6, 7, 8]


def test_a_batch_has_one_shape() -> None:
    """It ends where another begins."""
    some = taking([step(1), step(2, extras=("value",)), step(3, extras=("value",))])
    assert some.gather(3)
    assert len(some.gathered()) == 1
    assert some.gather(2)
    batch = batch_of(some.gathered(), lambda: None)
    np.testing.assert_array_equal(batch.extras["value"], [[0.5], [0.5]])


def test_episodes_come_whole() -> None:
    """The first that ends, from its first step on; what was gathered of others is kept."""
    some = taking([step(1), step(2)], [step(1, episode=5), step(2, episode=5, last=True)])
    assert some.gather_episode()
    episode = episode_of(some.episode(), lambda: None)
    assert episode.complete
    assert episode.episode.tolist() == [5, 5]
    assert episode.actor.tolist() == [1, 1]
    assert episode.truncated.tolist() == [False, True]
    assert not some.gather_episode()
    some.start_over()
    assert some.gather(2)


def test_columns() -> None:
    """Types, shapes, and NaN for a number that a step has not."""
    batch = batch_of([(0, step(1, speed=2.0)), (0, step(2))], lambda: None)
    assert len(batch) == 2
    assert batch.observation.tolist() == [[1.0], [2.0]]
    assert batch.next_observation.tolist() == [[2.0], [3.0]]
    assert batch.action.shape == (2, 2)
    assert batch.noise.shape == (2, 0)
    assert batch.reward.dtype == batch.observation.dtype == batch.action.dtype == np.float32
    np.testing.assert_array_equal(batch.terms["speed"], [2.0, np.nan])
    assert batch.frames is None


def test_the_resume_file(tmp_path: Path) -> None:
    """What is saved is loaded; none is empty; anything else is refused."""
    path = tmp_path / "resume.json"
    assert stream_resume.load(path) == {}
    kept = {SPOOL: Bookmark(spool=SPOOL, upto=7, run="r", episode=2, observation="AAAAAA==")}
    stream_resume.save(path, kept)
    assert stream_resume.load(path) == kept
    path.write_text("[]")
    with pytest.raises(SettingError, match="cannot be used"):
        stream_resume.load(path)
    with pytest.raises(SettingError, match="cannot be used"):
        stream_resume.save(tmp_path / "no" / "folder.json", kept)


def test_a_position(tmp_path: Path) -> None:
    """Text that says the same as the file; empty at first; anything else is refused, and both."""
    kept = {SPOOL: Bookmark(spool=SPOOL, upto=7)}
    text = stream_resume.to_text(kept)
    assert stream_resume.found(None, text) == stream_resume.of_text(text) == kept
    assert stream_resume.found(None, "") == stream_resume.found(None, None) == {}
    with pytest.raises(SettingError, match="not the position"):
        stream_resume.found(None, "7")
    with pytest.raises(SettingError, match="not from both"):
        stream_resume.found(tmp_path / "resume.json", "")
