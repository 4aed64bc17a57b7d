"""What happens to a learner when its link, its patience or its actor ends at a bad moment."""

from __future__ import annotations

import socket
import threading

import pytest

from ac_bridge.game import NEUTRAL
from ac_bridge_client import Link, RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.errors import LinkError, LinkTimeoutError, RefusedError, SettingError
from ac_bridge_protocol.messages import Telemetry
from helpers.actors import make_rig, serving, wheel_of

DRIVE = [0.0, 0.5, 0.0]


def test_interrupted_request_does_not_wedge(
    lockstep_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C before a request was sent costs that link; the next reset connects again."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)

    def interrupt(self: Link, data: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Link, "_send", interrupt)
        with pytest.raises(KeyboardInterrupt):
            env.step(DRIVE)
    env.reset(seed=1)
    assert env.step(DRIVE)[4]["receipt"].tick == 1
    env.close()


def test_interrupted_wait_discards_its_answer(
    lockstep_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C while waiting: the late answer is thrown away, and never taken for the next one's."""
    link = Link(lockstep_uri)
    link.reset(1, 30.0)

    def interrupt(self: Link) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Link, "_take", interrupt)
        with pytest.raises(KeyboardInterrupt):
            link.step((0.0, 0.5, 0.0), 5.0)
    assert link.step((0.0, 0.5, 0.0), 5.0).receipt.tick == 2
    link.close()


def test_an_old_refusal_is_not_the_new_answer(
    lockstep_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal of an interrupted reset is not raised for the next reset."""
    holder, other = RemoteEnv(lockstep_uri), Link(lockstep_uri)
    holder.reset(seed=1)

    def interrupt(self: Link) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Link, "_take", interrupt)
        with pytest.raises(KeyboardInterrupt):
            other.reset(1, 5.0)
    with pytest.raises(RefusedError):
        other.reset(1, 5.0)  # still busy, and told so for this very request
    holder.close()
    assert other.reset(1, 30.0).episode > 0
    other.close()


def test_reset_connects_again_by_itself() -> None:
    """An actor that was restarted while nobody looked costs nothing but the episode."""
    with serving(make_rig()) as (uri, _):
        port = int(uri.rsplit(":", 1)[1])
        frames: list[Notice] = []
        env = RemoteEnv(uri, on_notice=frames.append)
        env.subscribe(60.0)
        env.reset(seed=1)
    with serving(make_rig(), port=port):
        env.reset(seed=1)
        frames.clear()
        assert env.step(DRIVE)[4]["receipt"].tick == 1
        assert any(isinstance(notice, Telemetry) for notice in frames), "subscribed again"
        env.close()


def test_an_actor_that_offers_something_else_is_not_taken_for_the_old_one() -> None:
    """After a restart with another rate the old spaces and steps do not go on silently."""
    with serving(make_rig()) as (uri, _):
        port = int(uri.rsplit(":", 1)[1])
        env = RemoteEnv(uri)
        env.reset(seed=1)
    with serving(make_rig(control_hz=20.0), port=port):
        with pytest.raises(LinkError, match="Make a new environment"):
            env.reset(seed=1)
        env.close()


def test_timeout_counts_the_whole_request() -> None:
    """An actor that keeps talking without answering is given up all the same."""
    rig = make_rig(lockstep=False, control_hz=1.0)
    wheel = wheel_of(rig)
    with serving(rig) as (uri, _):
        link = Link(uri)
        link.subscribe(60.0)
        link.reset(None, 30.0)
        with pytest.raises(LinkTimeoutError):
            link.step((0.0, 1.0, 0.0), 0.1)  # the tick is a second away, frames come all the time
        assert not link.open
        assert wheel.wait_until_neutral(timeout_s=10)
        link.close()
    assert wheel.now == NEUTRAL


def test_polling_is_not_a_broken_link(lockstep_uri: str) -> None:
    """Listening for no time at all returns and leaves the link as it is."""
    link = Link(lockstep_uri)
    link.listen(0.0)
    assert link.open
    link.close()


@pytest.mark.parametrize("seed", [-1, 2**53, True, "1", 1.5])
def test_unusable_seeds_are_named(lockstep_uri: str, seed: object) -> None:
    """A seed that the wire cannot carry is refused as a setting, before anything is sent."""
    link = RemoteEnv(lockstep_uri)
    with pytest.raises((SettingError, Exception)) as caught:
        link.reset(seed=seed)  # type: ignore[arg-type]
    assert "seed" in str(caught.value).lower()
    link.close()


def test_half_open_server_does_not_hang_close() -> None:
    """Closing does not wait for a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()
        held: list[socket.socket] = []

        def accept() -> None:
            held.append(server.accept()[0])
            done.set()

        thread = threading.Thread(target=accept)
        thread.start()
        with pytest.raises(LinkError):
            Link(f"ws://127.0.0.1:{server.getsockname()[1]}", connect_timeout_s=0.3)
        assert done.wait(5.0)
        thread.join()
        held[0].close()
