"""Whether all that an actor said in a transcript was for it to say: learners' tables know. Pure.

An actor asks its own table before it says something; except for telemetry, which is written once
for everybody. Here each link has a learner's session, which refuses what its table does not list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from ac_bridge.replay.differences import Difference
from ac_bridge.replay.transcript import Came, Done, In, Opened, Out
from ac_bridge_protocol.codec import CODECS
from ac_bridge_protocol.errors import FrameError, LocalProtocolError, RemoteProtocolError
from ac_bridge_protocol.messages import Hello, Welcome
from ac_bridge_protocol.session import Course, LearnerSession


def unlawful(lines: Iterable[Done | Came]) -> list[Difference]:
    """Return every message of an actor's that no learner's session allows where it came."""
    return _Links().listen(lines)


class _Links:
    """The learners' sessions by the links' names, and what they go on with."""

    def __init__(self) -> None:
        self._sessions: dict[str, LearnerSession] = {}
        self._courses: dict[str, Course] = {}

    def listen(self, lines: Iterable[Done | Came]) -> list[Difference]:
        """Take every line; return what is wrong with them."""
        found: list[Difference] = []
        for number, line in enumerate(lines, start=2):
            match line:
                case Opened():
                    self._sessions[line.link] = LearnerSession(CODECS[line.subprotocol])
                case In() if line.times == 1:
                    self._said(line)
                case Out():
                    try:
                        self._heard(line)
                    except (FrameError, RemoteProtocolError) as error:
                        found.append(Difference(number, f"link {line.link}", str(error)))
        return found

    def _said(self, line: In) -> None:
        """Take what a learner said; what its session would not have sent changes nothing."""
        session = self._sessions.get(line.link)
        if session is None:
            return
        with contextlib.suppress(FrameError, LocalProtocolError):
            message = session.codec.decode(line.payload, binary=line.binary)
            if isinstance(message, Hello) and message.session in self._courses:
                session.resume(self._courses[message.session])
            session.send(message)

    def _heard(self, line: Out) -> None:
        session = self._sessions[line.link]
        message = session.receive(line.payload, binary=line.binary)
        if isinstance(message, Welcome) and message.session:
            self._courses[message.session] = session.course
