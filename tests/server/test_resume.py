"""Sessions over lost links, as the wire sees them: nothing is lost, and nothing happens twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from ac_bridge.game import NEUTRAL
from ac_bridge.server.lease import Terms
from helpers.actors import make_rig, serving, wheel_of
from helpers.raw import HELLO, Raw, Served, cut, in_episode, raw, step, stepping

KEY = "sesame"


@contextlib.contextmanager
def served(*, lockstep: bool, **terms: Any) -> Iterator[Served]:
    """Serve a stand-in, its wheel unsmoothed by nothing but the default."""
    rig = make_rig(lockstep=lockstep, control_hz=20.0)
    with serving(rig, terms=Terms(**terms)) as (uri, app):
        yield Served(uri, app, wheel_of(rig))


@pytest.fixture(scope="module")
def lockstep() -> Iterator[Served]:
    """A lockstep actor that keeps absent drivers for as long as these tests last."""
    with served(lockstep=True, takeover_key=KEY) as actor:
        yield actor


@pytest.fixture(scope="module")
def real_time() -> Iterator[Served]:
    """The same in real time."""
    with served(lockstep=False) as actor:
        yield actor


@contextlib.contextmanager
def back(actor: Served, session: str, *, resumed: bool = True, **hello: Any) -> Iterator[Raw]:
    """Connect again with a session's secret."""
    with raw(actor) as peer:
        welcome = peer.ask(HELLO | {"session": session} | hello)
        assert welcome["resumed"] is resumed
        assert (welcome["session"] == session) is resumed
        yield peer


@contextlib.contextmanager
def driving(actor: Served, **hello: Any) -> Iterator[tuple[Raw, str]]:
    """Connect as a driver and begin an episode; give the connection and its session's secret."""
    with raw(actor) as peer:
        session = peer.ask(HELLO | hello)["session"]
        assert session
        assert peer.ask({"type": "reset", "id": 1})["type"] == "reset_result"
        yield peer, session


def test_an_answer_is_said_again_and_the_action_not_applied_again(lockstep: Served) -> None:
    """A step repeated over a new link gets the very same answer; the next one is the next tick."""
    with driving(lockstep) as (peer, session):
        first = step(peer, 2)
        cut(peer)
    applied = len(lockstep.wheel.states)
    with back(lockstep, session) as peer:
        assert step(peer, 2) == first
        assert len(lockstep.wheel.states) == applied
        following = step(peer, 3)
        assert following["receipt"]["tick"] == first["receipt"]["tick"] + 1
        assert following["receipt"]["action_id"] == 1


def test_an_answer_that_was_lost_is_said_on_the_new_link(lockstep: Served) -> None:
    """Cut off before the answer was read: asked again, it comes, and time has not gone on."""
    with driving(lockstep) as (peer, session):
        peer.send(stepping(2))
        cut(peer)
    with back(lockstep, session) as peer:
        assert step(peer, 2)["receipt"]["tick"] == 1
        assert step(peer, 3)["receipt"]["tick"] == 2


def test_a_step_in_flight_is_answered_on_the_new_link(real_time: Served) -> None:
    """Its tick comes while nobody is there, or after: the answer finds its asker."""
    with contextlib.ExitStack() as links:
        peer, session = links.enter_context(driving(real_time))
        for number in range(2, 12):
            peer.send(stepping(number))
            cut(peer)
            peer = links.enter_context(back(real_time, session))
            answer = peer.ask(stepping(number))
            assert answer["id"] == number
            assert answer["receipt"]["action_id"] == number - 2


def test_a_reset_goes_on_without_a_link(real_time: Served) -> None:
    """Its result is there for who comes back, and it was one reset."""
    with driving(real_time) as (peer, session):
        peer.send({"type": "reset", "id": 2})
        cut(peer)
    episodes = real_time.app.actor.stepper.episodes  # type: ignore[union-attr]
    with back(real_time, session) as peer:
        result = peer.ask({"type": "reset", "id": 2})
        assert (result["type"], result["id"]) == ("reset_result", 2)
        assert result["episode"] == episodes + 1
        assert step(peer, 3)["type"] == "step_result"


def test_a_request_from_long_ago_is_refused(lockstep: Served) -> None:
    """Its answer is not kept any more, and it is not taken for a new one."""
    with driving(lockstep) as (peer, _):
        for number in (2, 3, 4):
            step(peer, number)
        failure = step(peer, 2)
        assert (failure["type"], failure["code"], failure["id"]) == ("failure", "illegal", 2)
        assert step(peer, 5)["receipt"]["tick"] == 4


def test_a_wrong_secret_begins_a_new_session(lockstep: Served) -> None:
    """Guessing wins nothing: neither the car nor a word about whose it is."""
    with driving(lockstep), back(lockstep, "guessed", resumed=False) as guesser:
        assert step(guesser, 2)["code"] == "not_reset"
        assert guesser.ask({"type": "reset", "id": 3})["code"] == "busy"


def test_the_newer_link_wins(lockstep: Served) -> None:
    """A driver that noticed the loss before we did goes on; the old link is ended."""
    with driving(lockstep) as (old, session), back(lockstep, session) as new:
        with pytest.raises(ConnectionClosed):
            old.receive()
        assert step(new, 2)["receipt"]["tick"] == 1


def test_the_car_is_kept_for_the_grace_period_and_free_after_it() -> None:
    """Meanwhile others hear who has it; afterwards the session is gone, and its wheel neutral."""
    with served(lockstep=False, grace_s=1.0) as actor:
        with driving(actor) as (peer, session), raw(actor) as other:
            other.ask(HELLO)
            step(peer, 2)
            cut(peer)
            assert "driver_away" in kinds_until(other, "driver_away")
            busy = other.ask({"type": "reset", "id": 1})
            assert busy["code"] == "busy"
            assert "link was lost" in busy["message"]
            assert "driver_left" in kinds_until(other, "driver_left")
            assert actor.wheel.now == NEUTRAL
            assert other.ask({"type": "reset", "id": 2})["type"] == "reset_result"
        with back(actor, session, resumed=False):
            pass


def kinds_until(peer: Raw, kind: str) -> list[str]:
    """Return the kinds of the events that come up to one of this kind."""
    kinds: list[str] = []
    while kind not in kinds:
        message = peer.receive_any()
        if message["type"] == "event":
            kinds.append(message["kind"])
    return kinds


def test_an_operator_takes_the_car(lockstep: Served) -> None:
    """With the key; the old driver's steps fail as taken over, and its reset finds it busy."""
    with driving(lockstep) as (old, _), raw(lockstep) as new:
        new.ask(HELLO)
        assert new.ask({"type": "reset", "id": 2, "takeover": KEY})["type"] == "reset_result"
        assert step(old, 3)["code"] == "taken_over"
        assert step(old, 4)["code"] == "taken_over"
        assert old.ask({"type": "reset", "id": 5})["code"] == "busy"
        assert step(new, 3)["receipt"]["tick"] == 1


def test_a_wrong_key_costs_the_connection(lockstep: Served) -> None:
    """So that nobody tries a thousand of them in a second; the driver notices nothing."""
    with driving(lockstep) as (driver, _), raw(lockstep) as guesser:
        guesser.ask(HELLO)
        wrong = guesser.ask({"type": "reset", "id": 1, "takeover": "guess"})
        assert wrong["code"] == "busy"
        with pytest.raises(ConnectionClosed):
            guesser.receive()
        assert step(driver, 2)["type"] == "step_result"


def test_who_comes_back_in_another_way_begins_anew(real_time: Served) -> None:
    """The old session ends, and its link with it; the car is free, and can be taken again."""
    with driving(real_time) as (old, session):
        step(old, 2)
        with back(real_time, session, resumed=False, mode="fixed_delay", delay_ticks=2) as peer:
            with pytest.raises(ConnectionClosed):
                old.receive()
            assert real_time.wheel.wait_until_neutral(timeout_s=10)
            assert peer.ask({"type": "reset", "id": 1})["type"] == "reset_result"


def test_no_id_can_run_over(real_time: Served) -> None:
    """A reset whose own steps would have no ids is refused; the actor goes on."""
    last = 2**53 - 1
    with raw(real_time) as peer:
        peer.ask(HELLO | {"mode": "fixed_delay", "delay_ticks": 1})
        failure = peer.ask({"type": "reset", "id": last})
        assert (failure["type"], failure["id"]) == ("failure", last)
        assert peer.ask({"type": "reset", "id": 5})["type"] == "reset_result"


def test_what_a_stranger_calls_itself_moves_no_terminal(lockstep: Served) -> None:
    """Others hear who drives without control characters."""
    with raw(lockstep) as odd, raw(lockstep) as other:
        odd.ask(HELLO | {"client": "\x1b[2Jowned\x07"})
        odd.ask({"type": "reset", "id": 1})
        other.ask(HELLO)
        assert "?[2Jowned?" in other.ask({"type": "reset", "id": 1})["message"]


def test_a_reset_in_flight_is_told_of_the_takeover() -> None:
    """Whoever waits for a reset whose car is taken hears it, and is not left waiting."""
    with served(lockstep=False, takeover_key=KEY) as actor, driving(actor) as (old, _):
        old.send({"type": "reset", "id": 2})
        with raw(actor) as new:
            new.ask(HELLO)
            assert new.ask({"type": "reset", "id": 1, "takeover": KEY})["type"] == "reset_result"
        answer = old.receive()
        assert answer["id"] == 2
        assert answer.get("code", "taken_over") == "taken_over"


def test_fixed_delay_answers_its_own_steps_first(real_time: Served) -> None:
    """The result of a reset opens k steps; the first asked for is applied at tick k."""
    with driving(real_time, mode="fixed_delay", delay_ticks=3) as (peer, _):
        for number in (2, 3, 4):
            answer = peer.receive()
            assert (answer["id"], answer["receipt"]["tick"]) == (number, number - 1)
            asked = answer["receipt"]["tick"] + 3
            peer.send(stepping(number + 3, tick=asked))
        for number in (5, 6, 7):
            answer = peer.receive()
            assert answer["id"] == number
            receipt = answer["receipt"]
            assert receipt["tick_asked"] == number - 1
            assert receipt["late"] or receipt["tick_applied"] == receipt["tick_asked"]


def test_fixed_delay_resumes_its_own_steps_too(real_time: Served) -> None:
    """Steps that nobody asked for are asked for again by their id alone."""
    with driving(real_time, mode="fixed_delay", delay_ticks=2) as (peer, session):
        cut(peer)
    with back(real_time, session, mode="fixed_delay", delay_ticks=2) as peer:
        for number, tick in ((2, 0), (3, 1)):
            peer.send({"type": "step", "id": number, "action": [], "tick": tick})
        answers = {answer["id"]: answer for answer in (peer.receive(), peer.receive())}
        assert [answers[number]["type"] for number in (2, 3)] == ["step_result"] * 2
        assert answers[3]["receipt"]["tick"] == 2


def test_a_tick_belongs_to_fixed_delay_alone(real_time: Served) -> None:
    """A step that names none there, or one elsewhere, is refused and changes nothing."""
    with driving(real_time) as (peer, _):
        failure = peer.ask(stepping(2, tick=5))
        assert (failure["code"], failure["component"]) == ("setting", "tick")
        assert step(peer, 3)["type"] == "step_result"


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"mode": "lockstep"}, "no_such_mode"),
        ({"mode": "fixed_delay"}, "setting"),
        ({"mode": "latest", "delay_ticks": 2}, "setting"),
        ({"delay_ticks": 2}, "setting"),
    ],
)
def test_modes_that_do_not_go_together_are_refused(
    real_time: Served, hello: dict[str, Any], code: str
) -> None:
    """A delay without its mode, a mode without its delay, and a mode that the game has not."""
    with raw(real_time) as peer:
        refusal = peer.ask(HELLO | hello)
        assert (refusal["type"], refusal["code"]) == ("refusal", code)


def test_only_so_many_may_watch() -> None:
    """One more is refused and told why; a driver is still let in."""
    with served(lockstep=True, spectators=1) as actor, raw(actor) as first:
        assert first.ask(HELLO | {"role": "spectator"})["session"] == ""
        with raw(actor) as second:
            refusal = second.ask(HELLO | {"role": "spectator"})
            assert (refusal["type"], refusal["code"]) == ("refusal", "full")
        with in_episode(actor):
            pass
