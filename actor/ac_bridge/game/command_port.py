"""The game's command port: one UDP byte that restarts or starts the session. Experimental.

The game is said to listen on UDP port 9666 from the moment a session loads, and to act on the first
byte of a datagram. That comes from reverse engineering and was never tried on a live game: whether
a setting gates it is unknown, and it answers nothing. So it is off unless asked for, and whoever
uses it must watch the telemetry to know whether it worked.
"""

from __future__ import annotations

import socket

from ac_bridge.game.base import GameCommand
from ac_bridge_protocol.errors import GameAbsentError
from ac_bridge_protocol.helpers import Closing

COMMAND_PORT = 9666
"""Where the game is said to listen. Unverified."""


class CommandPort(Closing):
    """Sends commands to a game on this machine. Experimental, unverified on a live game."""

    def __init__(self, port: int = COMMAND_PORT) -> None:
        """Make a sender to ``port`` on the loopback address; nothing is sent yet."""
        self._port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))

    def send(self, command: GameCommand) -> None:
        """Send one command. Returning means that it was sent, not that anybody heard it.

        Raises:
            GameAbsentError: the datagram could not be sent.
        """
        try:
            try:
                self._socket.send(command.value)
            except ConnectionRefusedError:
                # Linux tells that an earlier one met a closed port, instead of sending this one.
                # The game opens it with its session: that nobody listens yet is no error.
                self._socket.send(command.value)
        except OSError as error:
            raise GameAbsentError(
                f"A command cannot be sent to UDP 127.0.0.1:{self._port}: {error}.",
                hint="Reset by the wheel's buttons instead: this way is experimental.",
            ) from error

    def close(self) -> None:
        """Let go of the socket. May be called twice."""
        self._socket.close()
