"""The learner's half of a conversation, without a socket."""

from __future__ import annotations

import pytest

from ac_bridge_client.exchange import Exchange, Notice, expect
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.errors import (
    ErrorCode,
    GameError,
    LocalProtocolError,
    RefusedError,
    SessionLostError,
    SettingError,
)
from ac_bridge_protocol.messages import Failure, Message, Pong, Refusal, ResetResult, Role, Step
from ac_bridge_protocol.spec import Mode
from helpers.wire import make_failure, make_reset_result, make_step_result, make_welcome

GO = (0.0, 0.5, 0.0)


def take(exchange: Exchange, message: Message) -> object:
    """Let an exchange receive a message."""
    return exchange.receive(MSGPACK.encode(message), binary=True)


def in_episode(delay_ticks: int = 0) -> tuple[Exchange, list[Notice]]:
    """Return an exchange whose reset, request 0, was granted, and where its notices go."""
    notices: list[Notice] = []
    exchange = Exchange("msgpack", notices.append)
    exchange.session.send(exchange.hello(Role.DRIVER, None, delay_ticks, "bridge15", ""))
    assert take(exchange, make_welcome(delay_ticks=delay_ticks)) is not None
    exchange.session.send(exchange.reset(None))
    take(exchange, make_reset_result(0))
    return exchange, notices


def ask(exchange: Exchange, tick: int | None = None) -> Step:
    request = exchange.step(GO, tick)
    exchange.session.send(request)
    return request


def test_answers_in_any_order_are_kept_for_their_requests() -> None:
    """The steps that the reset opened, and one more: the newest first."""
    exchange, _ = in_episode(delay_ticks=2)
    assert list(exchange.course.in_flight) == [1, 2]
    assert ask(exchange, tick=2).id == 3
    for number in (3, 1, 2):
        assert take(exchange, make_step_result(number)) is None
    assert [exchange.course.answers[number].id for number in (1, 2, 3)] == [1, 2, 3]


def test_an_answer_that_nobody_waits_for_is_counted_and_dropped() -> None:
    """Twice the same, or of an episode that is over."""
    exchange, notices = in_episode()
    first = ask(exchange)
    take(exchange, make_step_result(first.id))
    take(exchange, make_step_result(first.id))
    late = ask(exchange)
    exchange.session.send(exchange.reset(None))
    take(exchange, make_step_result(late.id))
    assert exchange.stale_answers == 2
    assert late.id not in exchange.course.answers
    assert notices == []


def test_failures_of_requests_and_of_others() -> None:
    """One that answers a request is kept as its answer; any other is a notice."""
    exchange, notices = in_episode()
    request = ask(exchange)
    take(exchange, make_failure(None))
    take(exchange, make_failure(request.id + 7))
    take(exchange, make_failure(request.id))
    assert notices == [make_failure(None), make_failure(request.id + 7)]
    with pytest.raises(GameError):
        expect(exchange.course.answers[request.id], ResetResult)


def test_taken_over_is_the_end_of_the_session() -> None:
    """Whichever request it answers, and if it answers none."""
    for answered in (None, 1):
        exchange, _ = in_episode()
        ask(exchange)
        with pytest.raises(SessionLostError) as caught:
            take(exchange, Failure(id=answered, code=ErrorCode.TAKEN_OVER, message="Gone."))
        assert caught.value.reason == "taken_over"


def test_a_withdrawn_token_is_the_end_of_the_session() -> None:
    """It is no use to connect again with it: nobody waits out a grace period for that."""
    exchange, _ = in_episode()
    ask(exchange)
    with pytest.raises(SessionLostError) as caught:
        take(exchange, Failure(id=None, code=ErrorCode.UNAUTHORIZED, message="Withdrawn."))
    assert caught.value.reason == "session_lost"


def test_a_refused_handshake_is_raised() -> None:
    """By the class that its code stands for."""
    exchange = Exchange("msgpack", lambda _: None)
    exchange.session.send(exchange.hello(Role.DRIVER, Mode.LATEST, 0, "bridge15", ""))
    with pytest.raises(RefusedError) as caught:
        take(exchange, Refusal(code=ErrorCode.NO_SUCH_MODE, message="No."))
    assert caught.value.code is ErrorCode.NO_SUCH_MODE


def test_a_session_goes_on_in_another_exchange() -> None:
    """With the same requests in flight, and the next number."""
    first, _ = in_episode()
    request = ask(first)
    second = Exchange("msgpack", lambda _: None, first.course)
    second.session.send(second.hello(Role.DRIVER, None, 0, "bridge15", "secret"))
    take(second, make_welcome(resumed=True))
    assert second.course is first.course
    assert [MSGPACK.decode(data, binary=True) for data in second.session.repeat()] == [request]
    take(second, make_step_result(request.id))
    assert second.step(GO).id == request.id + 1


def test_pongs_are_for_the_link() -> None:
    """They come back to whoever keeps the time."""
    exchange, _ = in_episode()
    pong = Pong(id=1, t_ping=1.0, t_received=2.0, t_sent=2.0)
    assert take(exchange, pong) == pong


def test_another_kind_of_answer_than_expected() -> None:
    """Never taken for what was asked for."""
    with pytest.raises(LocalProtocolError, match="ResetResult"):
        expect(make_step_result(1), ResetResult)


def test_names_that_are_too_long() -> None:
    """Refused before they meet the wire's own limit."""
    exchange = Exchange("msgpack", lambda _: None)
    with pytest.raises(SettingError, match="100 characters"):
        exchange.hello(Role.DRIVER, None, 0, "x" * 100, "")
    with pytest.raises(SettingError, match="pickle"):
        Exchange("pickle", lambda _: None)
