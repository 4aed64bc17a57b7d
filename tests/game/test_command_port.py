"""The experimental command port, against a real socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ac_bridge.game import GameCommand
from ac_bridge.game.command_port import COMMAND_PORT, CommandPort
from ac_bridge_protocol.errors import GameAbsentError


@pytest.fixture
def game() -> Iterator[socket.socket]:
    """A socket that listens where a game would, on a free port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10.0)
        yield listener


def test_each_command_is_one_byte(game: socket.socket) -> None:
    """Restart and start, as the port is said to understand them."""
    with CommandPort(game.getsockname()[1]) as port:
        port.send(GameCommand.RESTART)
        assert game.recv(16) == b"D"
        port.send(GameCommand.START)
        assert game.recv(16) == b"E"


def test_nothing_is_sent_unasked(game: socket.socket) -> None:
    """Neither opening nor closing says anything to the game."""
    port = CommandPort(game.getsockname()[1])
    port.send(GameCommand.RESTART)
    port.close()
    port.close()
    game.setblocking(False)
    assert game.recv(16) == b"D"
    with pytest.raises(BlockingIOError):
        game.recv(16)


def test_a_game_that_does_not_listen_yet_is_no_error() -> None:
    """The port opens with the session: commands before that vanish, the next one is heard."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        number = taken.getsockname()[1]
    with CommandPort(number) as port:
        for _ in range(3):
            port.send(GameCommand.RESTART)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as game:
            game.bind(("127.0.0.1", number))
            game.settimeout(10.0)
            port.send(GameCommand.START)
            assert game.recv(16) == b"E"


def test_a_closed_port_sends_nothing(game: socket.socket) -> None:
    """It says so, as for a game that is not there."""
    port = CommandPort(game.getsockname()[1])
    port.close()
    with pytest.raises(GameAbsentError):
        port.send(GameCommand.RESTART)


def test_the_usual_port_is_the_one_of_the_notes() -> None:
    """Unverified on a live game, and so written down once."""
    assert COMMAND_PORT == 9666
