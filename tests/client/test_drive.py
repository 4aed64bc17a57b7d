"""A drive over lost links, against an actor that does exactly what each test says."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from ac_bridge_client import drive as drive_module
from ac_bridge_client import link as link_module
from ac_bridge_client.asking import ResetOptions
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.drive import Drive, DriveOptions
from ac_bridge_client.exchange import Notice
from ac_bridge_client.link import Link
from ac_bridge_protocol.errors import (
    ActionError,
    ErrorCode,
    GameError,
    LinkError,
    LinkLostError,
    LinkTimeoutError,
    SessionLostError,
    SettingError,
)
from ac_bridge_protocol.limits import PLAN_TICKS
from ac_bridge_protocol.messages import (
    EndReason,
    Event,
    EventKind,
    Failure,
    Ping,
    Pong,
    Release,
    Reset,
    Step,
    Subscribe,
)
from ac_bridge_protocol.spec import Mode
from helpers.scripted import Peer, Script, scripted, step_result
from helpers.wire import make_reset_result

GO = (0.0, 0.5, 0.0)
WAIT_S = 10.0
NOTHING = ResetOptions()


def numbered(number: int) -> tuple[float, ...]:
    """Return an action that can be told from others."""
    return (number / 100, 0.5, 0.0)


@contextlib.contextmanager
def driving(
    *scripts: Script,
    delay_ticks: int = 0,
    on_notice: Callable[[Notice], None] = lambda _: None,
) -> Iterator[Drive]:
    """Connect to a scripted actor."""
    mode = Mode.FIXED_DELAY if delay_ticks else Mode.LATEST
    with scripted(*scripts) as uri:
        drive = Drive(DriveOptions(uri, mode=mode, delay_ticks=delay_ticks), on_notice)
        try:
            yield drive
        finally:
            drive.close()


def ready(peer: Peer) -> None:
    """Welcome, and grant a reset."""
    peer.welcome()
    peer.begin()


def failure(request_id: int | None, code: ErrorCode = ErrorCode.GAME) -> Failure:
    return Failure(id=request_id, code=code, message="No.")


def test_steps_and_their_receipts() -> None:
    """Each step's answer is its own, and counted; the car is released at the end."""
    released = []

    def script(peer: Peer) -> None:
        ready(peer)
        peer.drive(3)
        released.append(peer.next(Release))

    with driving(script) as drive:
        assert drive.reset(7, NOTHING, WAIT_S).episode == 1
        ticks = [drive.step(GO, (), WAIT_S).result.receipt.tick for _ in range(3)]
    assert ticks == [1, 2, 3]
    assert released
    assert (drive.stats().steps, drive.stats().episodes, drive.stats().reconnects) == (3, 1, 0)


def test_a_cut_link_is_replaced_and_the_request_repeated() -> None:
    """Cut before the answer: the same request, id and all, goes out again, and is answered."""
    asked: list[Step] = []

    def cut(peer: Peer) -> None:
        ready(peer)
        peer.drive(1)
        asked.append(peer.next(Step))
        peer.cut()

    def back(peer: Peer) -> None:
        hello = peer.welcome(resumed=True)
        assert hello.session == "secret"
        asked.append(peer.next(Step))
        peer.send(step_result(asked[-1].id, 2))
        peer.drive(1)

    with driving(cut, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        drive.step(numbered(1), (), WAIT_S)
        assert drive.step(numbered(2), (), WAIT_S).result.receipt.tick == 2
        assert drive.step(numbered(3), (), WAIT_S).result.receipt.tick == 1
        stats = drive.stats()
    assert asked[0] == asked[1]
    assert (stats.steps, stats.reconnects, stats.requests_repeated) == (3, 1, 1)


def test_a_reset_is_repeated_too() -> None:
    """A link that is lost while the game loads costs nothing."""
    asked: list[Reset] = []

    def cut(peer: Peer) -> None:
        peer.welcome()
        asked.append(peer.next(Reset))
        peer.cut()

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        asked.append(peer.begin())

    with driving(cut, back) as drive:
        assert drive.reset(5, NOTHING, WAIT_S).episode == 1
    assert asked[0] == asked[1]


def test_attempts_go_on_until_the_link_is_back() -> None:
    """Cut while connecting, twice: the third attempt resumes."""

    def cut(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)
        peer.cut()

    def nothing(peer: Peer) -> None:
        peer.cut()

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.drive(1)

    with driving(cut, nothing, nothing, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert drive.step(GO, (), WAIT_S).result.receipt.tick == 1
        assert drive.stats().reconnects == 1


def test_past_the_grace_period_the_session_is_lost() -> None:
    """Nobody there for longer than the welcome said: an error that names the reason."""

    def cut(peer: Peer) -> None:
        peer.welcome(grace_s=0.2)
        peer.begin()
        peer.next(Step)
        peer.cut()

    with scripted(cut) as uri:
        drive = Drive(DriveOptions(uri, connect_timeout_s=0.1), lambda _: None)
        drive.reset(None, NOTHING, WAIT_S)
        with pytest.raises(SessionLostError, match=r"0\.2 s") as caught:
            drive.step(GO, (), WAIT_S)
        drive.close()
    assert caught.value.reason == EndReason.LINK_LOST


def test_an_actor_that_knows_nothing_of_the_session() -> None:
    """Not resumed: the session is lost, and the next reset begins a new one."""

    def cut(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)
        peer.cut()

    def stranger(peer: Peer) -> None:
        peer.welcome(session="another")

    def anew(peer: Peer) -> None:
        assert peer.welcome().session == ""
        peer.begin()
        peer.drive(1)

    with driving(cut, stranger, anew) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with pytest.raises(SessionLostError) as caught:
            drive.step(GO, (), WAIT_S)
        assert caught.value.reason == EndReason.SESSION_LOST
        drive.reset(None, NOTHING, WAIT_S)
        assert drive.step(GO, (), WAIT_S).result.receipt.tick == 1


def test_an_actor_that_was_stopped_is_not_waited_for() -> None:
    """A good-bye of code 1001 ends the session at once."""

    def stopped(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)
        peer.close(1001)

    with driving(stopped) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with pytest.raises(SessionLostError) as caught:
            drive.step(GO, (), WAIT_S)
    assert caught.value.reason == EndReason.ACTOR_STOPPED
    assert drive.stats().reconnects == 0


def test_a_close_for_any_other_reason_is_a_lost_link() -> None:
    """Whatever stands between us may close connections; the session goes on."""

    def closed(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)
        peer.close(1011)

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.drive(1)

    with driving(closed, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert drive.step(GO, (), WAIT_S).result.receipt.tick == 1


def test_taken_over() -> None:
    """The car was given to somebody else: the session is lost, and says why."""

    def script(peer: Peer) -> None:
        ready(peer)
        peer.send(failure(peer.next(Step).id, ErrorCode.TAKEN_OVER))

    with driving(script) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with pytest.raises(SessionLostError) as caught:
            drive.step(GO, (), WAIT_S)
    assert caught.value.reason == EndReason.TAKEN_OVER


def test_silence_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing at all for too long while waiting: connect again, although nothing broke."""
    monkeypatch.setattr(link_module, "SILENCE_S", 0.2)

    def silent(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.drive(1)

    with driving(silent, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert drive.step(GO, (), WAIT_S).result.receipt.tick == 1
        assert drive.stats().reconnects == 1


def test_an_actor_that_pings_is_slow_but_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats keep the wait going, and are answered."""
    monkeypatch.setattr(link_module, "SILENCE_S", 0.3)
    answered: list[Pong] = []

    def slow(peer: Peer) -> None:
        ready(peer)
        request = peer.next(Step)
        for number in range(5):
            threading.Event().wait(0.1)
            peer.send(Ping(id=number, t_sent=float(number)))
            pong = peer.any()
            assert isinstance(pong, Pong)
            answered.append(pong)
        peer.send(step_result(request.id, 1))

    with driving(slow) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        drive.step(GO, (), WAIT_S)
        assert drive.stats().reconnects == 0
    assert [(pong.id, pong.t_ping) for pong in answered] == [(n, float(n)) for n in range(5)]


def test_a_timeout_keeps_the_session_and_the_late_answer_is_nobodys() -> None:
    """The answer of a step that was given up is not that of the next episode's first."""
    late = threading.Event()

    def slow(peer: Peer) -> None:
        ready(peer)
        request = peer.next(Step)
        assert late.wait(WAIT_S)
        reset = peer.next(Reset)
        peer.send(step_result(request.id, 99), make_reset_result(reset.id, episode=2))
        peer.send(step_result(request.id, 98))
        peer.drive(1)

    with driving(slow) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with pytest.raises(LinkTimeoutError, match=r"within 0\.1 s"):
            drive.step(GO, (), 0.1)
        late.set()
        assert drive.reset(None, NOTHING, WAIT_S).episode == 2
        assert drive.step(GO, (), WAIT_S).result.receipt.tick == 1
        assert (drive.stats().stale_answers, drive.stats().reconnects) == (2, 0)


def test_a_reset_after_one_that_took_too_long() -> None:
    """The first one's answer is waited for and thrown away; the second is made all the same."""
    patience = threading.Event()

    def slow(peer: Peer) -> None:
        peer.welcome()
        first = peer.next(Reset)
        assert patience.wait(WAIT_S)
        peer.send(failure(first.id))
        assert peer.begin().id > first.id

    with driving(slow) as drive:
        with pytest.raises(LinkTimeoutError):
            drive.reset(None, NOTHING, 0.1)
        patience.set()
        assert drive.reset(None, NOTHING, WAIT_S).episode == 1


def test_the_time_without_a_link_does_not_count() -> None:
    """A step's time runs while the link is up; connecting again takes longer than that here."""

    def cut(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)
        peer.cut()

    def nothing(peer: Peer) -> None:
        peer.cut()

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.drive(1)

    with driving(cut, nothing, nothing, nothing, nothing, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert drive.step(GO, (), 0.3).result.receipt.tick == 1  # 0.75 s of waits alone


def test_several_in_flight() -> None:
    """In mode fixed_delay the reset opens k steps; each step asks k ahead and gets the oldest."""
    asked: list[Step] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        reset = peer.begin()
        answers = [reset.id + 1, reset.id + 2]
        for tick in range(1, 7):
            asked.append(peer.next(Step))
            answers.append(asked[-1].id)
            peer.send(step_result(answers.pop(0), tick))

    with driving(script, delay_ticks=2) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert drive.under_way() == [drive.neutral, drive.neutral]
        for number in range(6):
            stepped = drive.step(numbered(number), (), WAIT_S)
            assert stepped.result.receipt.tick == number + 1
            assert stepped.action == (numbered(number - 2) if number >= 2 else drive.neutral)
            before = numbered(number - 1) if number else drive.neutral
            assert drive.under_way() == [before, numbered(number)]
    assert [step.tick for step in asked] == [2, 3, 4, 5, 6, 7]


def test_answers_in_any_order() -> None:
    """Each is kept for its own request, and handed out when that is the oldest."""

    def script(peer: Peer) -> None:
        peer.welcome()
        reset = peer.begin()
        first = peer.next(Step)
        peer.send(
            step_result(first.id, 3), step_result(reset.id + 2, 2), step_result(reset.id + 1, 1)
        )
        peer.next(Step)
        peer.next(Step)

    with driving(script, delay_ticks=2) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert [drive.step(GO, (), WAIT_S).result.receipt.tick for _ in range(3)] == [1, 2, 3]


def test_everything_in_flight_is_repeated() -> None:
    """The steps that the reset opened go by their ids alone; the others as they were."""
    repeated: list[Step] = []

    def cut(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.next(Step)
        peer.cut()

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        repeated.extend(peer.next(Step) for _ in range(3))
        peer.send(*(step_result(step.id, tick) for tick, step in enumerate(repeated, 1)))

    with driving(cut, back, delay_ticks=2) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert drive.step(numbered(1), (), WAIT_S).result.receipt.tick == 1
        assert drive.stats().requests_repeated == 3
    assert [(step.action, step.tick) for step in repeated] == [((), 0), ((), 1), (numbered(1), 2)]


def test_after_skipped_frames_no_two_steps_ask_for_one_tick() -> None:
    """A learner that was away is brought to the present, and its steps spread over the ticks."""
    asked: list[int | None] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        reset = peer.begin()
        ids = [reset.id + 1, reset.id + 2]
        for tick in (1, 50, 50, 51, 53, 54):
            request = peer.next(Step)
            asked.append(request.tick)
            ids.append(request.id)
            peer.send(step_result(ids.pop(0), tick))

    with driving(script, delay_ticks=2) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        for _ in range(6):
            drive.step(GO, (), WAIT_S)
    assert asked == [2, 3, 52, 53, 54, 55]


def test_an_interrupted_step_costs_its_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C while waiting: the session goes on, and the next step gets its own answer."""

    def first(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.send(step_result(peer.next(Step).id, 1))
        assert peer.next(Step).action == numbered(2)
        peer.send(step_result(2, 2))

    def interrupt(self: Link, deadline_s: float) -> None:
        raise KeyboardInterrupt

    with driving(first, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with monkeypatch.context() as patched:
            patched.setattr(Link, "_read", interrupt)
            with pytest.raises(KeyboardInterrupt):
                drive.step(numbered(1), (), WAIT_S)
        stepped = drive.step(numbered(2), (), WAIT_S)
        assert (stepped.result.receipt.tick, stepped.action) == (2, numbered(2))


@pytest.mark.parametrize("where", ["_flush", "_check_open"])
def test_an_interrupted_send_is_made_good(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Ctrl+C with half a message out, or none: the link is replaced and the request repeated."""

    def first(peer: Peer) -> None:
        ready(peer)

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.drive(2)

    def interrupt(self: Link) -> None:
        raise KeyboardInterrupt

    with driving(first, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with monkeypatch.context() as patched:
            patched.setattr(Link, where, interrupt)
            with pytest.raises(KeyboardInterrupt):
                drive.step(numbered(1), (), WAIT_S)
        assert drive.step(numbered(2), (), WAIT_S).result.receipt.tick == 2
        assert drive.stats().requests_repeated == 1


def test_an_interrupted_reconnection_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C while connecting again: the next call connects again."""

    def cut(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)
        peer.cut()

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.drive(2)

    def interrupt() -> Iterator[float]:
        raise KeyboardInterrupt

    with driving(cut, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with monkeypatch.context() as patched:
            patched.setattr(drive_module, "waits_s", interrupt)
            with pytest.raises(KeyboardInterrupt):
                drive.step(GO, (), WAIT_S)
        assert drive.step(GO, (), WAIT_S).result.receipt.tick == 2


def test_an_interrupted_last_step_still_ends_the_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is what the next step returns: nothing would answer that one."""

    def first(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.send(step_result(peer.next(Step).id, 1, end=EndReason.GAME_PAUSED))

    def interrupt(self: Link, deadline_s: float) -> None:
        raise KeyboardInterrupt

    with driving(first, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with monkeypatch.context() as patched:
            patched.setattr(Link, "_read", interrupt)
            with pytest.raises(KeyboardInterrupt):
                drive.step(GO, (), WAIT_S)
        assert drive.step(GO, (), WAIT_S).result.end is EndReason.GAME_PAUSED


def test_a_refused_step_is_raised_and_the_next_goes_on() -> None:
    """Failures belong to their own request."""

    def script(peer: Peer) -> None:
        ready(peer)
        peer.send(
            failure(peer.next(Step).id, ErrorCode.ACTION_NOT_FINITE),
        )
        peer.send(failure(peer.next(Step).id))
        peer.drive(1)

    with driving(script) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with pytest.raises(ActionError):
            drive.step(GO, (), WAIT_S)
        with pytest.raises(GameError):
            drive.step(GO, (), WAIT_S)
        assert drive.step(GO, (), WAIT_S).result.receipt.tick == 1


def test_subscribed_again_on_every_link() -> None:
    """The stream goes on after the link was replaced."""
    rates: list[float] = []

    def cut(peer: Peer) -> None:
        ready(peer)
        rates.append(peer.next(Subscribe).hz)
        peer.next(Step)
        peer.cut()

    def back(peer: Peer) -> None:
        peer.welcome(resumed=True)
        request = peer.next(Step)
        rates.append(peer.next(Subscribe).hz)
        peer.send(step_result(request.id, 1))

    with driving(cut, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        drive.subscribe(30.0)
        drive.step(GO, (), WAIT_S)
    assert rates == [30.0, 30.0]


def test_notices_and_failures_of_nothing_in_flight() -> None:
    """Events and failures that answer nothing come as notices."""
    notices: list[Notice] = []
    event = Event(kind=EventKind.EASING, message="Easing.")

    def script(peer: Peer) -> None:
        ready(peer)
        request = peer.next(Step)
        peer.send(event, failure(None), step_result(request.id, 1))

    with driving(script, on_notice=notices.append) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        drive.step(GO, (), WAIT_S)
    assert notices == [event, failure(None)]


def test_a_ping_goes_with_a_step_at_most_once_a_second() -> None:
    """In the same write; its answer gives the clocks' offset."""
    pings: list[Ping] = []

    def script(peer: Peer) -> None:
        ready(peer)
        for tick in range(1, 11):
            while isinstance(message := peer.any(), Ping):
                pings.append(message)
                peer.pong(message)
            assert isinstance(message, Step)
            peer.send(step_result(message.id, tick, t_sent=peer.clock_s))

    with driving(script) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        ages = [drive.step(GO, (), WAIT_S).observation_age_s for _ in range(10)]
        stats = drive.stats()
    assert 1 <= len(pings) <= 10
    assert all(age is not None and age >= 0.000_2 for age in ages), "at least the actor's part"
    assert abs(stats.clock_offset_s) > stats.clock_offset_error_s


def test_closing_without_a_link_still_lets_go() -> None:
    """A link that was lost unnoticed is replaced once more, only to release the car."""
    released = []

    def cut(peer: Peer) -> None:
        ready(peer)
        peer.cut()

    def back(peer: Peer) -> None:
        assert peer.welcome(resumed=True).session == "secret"
        released.append(peer.next(Release))

    with driving(cut, back) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        assert drive._link is not None
        with pytest.raises(LinkLostError):  # the drive itself has not noticed yet
            drive._link.take(monotonic_s() + WAIT_S)
    assert released


def test_interrupt_ends_a_wait_and_the_car_is_still_released() -> None:
    """From another thread: the step raises, nothing connects again, and closing says good-bye."""
    released = []
    waiting = threading.Event()

    def script(peer: Peer) -> None:
        ready(peer)
        peer.next(Step)
        waiting.set()
        released.append(peer.next(Release))

    with driving(script) as drive:
        drive.reset(None, NOTHING, WAIT_S)

        def interrupt() -> None:
            assert waiting.wait(WAIT_S)
            drive.interrupt()

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(LinkError, match="being closed"):
            drive.step(GO, (), WAIT_S)
        thread.join()
        with pytest.raises(LinkError, match="being closed"):
            drive.step(GO, (), WAIT_S)
    assert released


def test_what_the_wire_cannot_carry_is_refused_before() -> None:
    """A plan or a key that is too long, a rate that is not offered: named, and nothing is sent."""

    def script(peer: Peer) -> None:
        ready(peer)
        peer.drive(1)

    with driving(script) as drive:
        drive.reset(None, NOTHING, WAIT_S)
        with pytest.raises(SettingError, match=f"{PLAN_TICKS}"):
            drive.step(GO, [GO] * (PLAN_TICKS + 1), WAIT_S)
        with pytest.raises(SettingError, match="key"):
            drive.reset(None, ResetOptions("x" * 2000), WAIT_S)
        with pytest.raises(SettingError, match="60 frames"):
            drive.subscribe(1000.0)
        assert drive.step(GO, [GO] * PLAN_TICKS, WAIT_S).result.receipt.tick == 1
