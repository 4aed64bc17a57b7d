"""What of a transcript a learner can be led through again: its drives, request by request. Pure.

A learner of ours asks for one thing after the other, and never for what cannot be. So of what the
recorded one sent only the resets and steps count that were answered with a result before the next
one was sent; what came of anything else is left out.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ac_bridge.replay.masks import plain_of
from ac_bridge.replay.transcript import In, Transcript

Plain = dict[str, Any]

_ANSWERS = ("reset_result", "step_result", "failure")


@dataclasses.dataclass
class Request:
    """A reset or step, and what the actor said until the next one.

    Attributes:
        line: of the transcript.
        plain: the recorded request.
        answer: the result that the learner gets for it.
        under_way: the ids of the steps that were not answered for then, oldest first.
        said: everything that the actor said until the next request.
    """

    line: int
    plain: Plain
    answer: Plain = dataclasses.field(default_factory=dict)
    under_way: list[int] = dataclasses.field(default_factory=list)
    said: list[Plain] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class RecordedDrive:
    """What a driver and the actor said to each other on one link.

    Attributes:
        link: the link's name.
        line: of the welcome.
        hello: the driver's.
        welcome: the actor's.
        requests: the resets and steps that were answered, in order.
    """

    link: str
    line: int
    hello: Plain
    welcome: Plain
    requests: list[Request]

    @property
    def actions(self) -> dict[int, list[float]]:
        """The action of each step by the request's id."""
        return {
            one.plain["id"]: one.plain["action"]
            for one in self.requests
            if one.plain["type"] == "step"
        }


def drives(transcript: Transcript) -> list[RecordedDrive]:
    """Return every drive of a transcript that a learner can be led through."""
    binary = transcript.head.codec.binary
    talks: dict[str, list[tuple[int, bool, Plain]]] = {}
    for number, line in transcript.messages():
        plain = plain_of(line.payload, binary=line.binary)
        if line.binary == binary and isinstance(plain, dict):
            talks.setdefault(line.link, []).append((number, isinstance(line, In), plain))
    found = (_drive(link, talk) for link, talk in talks.items())
    return [drive for drive in found if drive is not None and drive.requests]


def _drive(link: str, talk: list[tuple[int, bool, Plain]]) -> RecordedDrive | None:
    if len(talk) < 2 or talk[0][2].get("type") != "hello":
        return None
    (_, _, hello), (line, _, welcome) = talk[:2]
    if welcome.get("type") != "welcome" or welcome.get("resumed") or not welcome.get("session"):
        return None
    delay_ticks = hello.get("delay_ticks", 0)
    return RecordedDrive(link, line, hello, welcome, _requests(talk[2:], delay_ticks))


def _requests(talk: list[tuple[int, bool, Plain]], delay_ticks: int) -> list[Request]:
    """Return the requests that a learner can make again, with what it gets for them."""
    taken: list[Request] = []
    implied = range(0)
    for request in _asked(talk):
        owed = taken[-1].under_way if taken else []
        asked = request.plain["id"]
        if request.plain["type"] == "reset":
            implied = range(asked + 1, asked + 1 + delay_ticks)
            owed, wanted = list(implied), asked
        elif not taken or taken[-1].answer.get("end") is not None or asked in implied:
            continue
        else:
            wanted, *owed = *owed, asked
        result = _result([*taken, request], wanted)
        if result is not None:
            request.answer, request.under_way = result, owed
            taken.append(request)
    known = {one.plain["id"] for one in taken} | {id_ for one in taken for id_ in one.under_way}
    for request in taken:
        request.said = [one for one in request.said if _belongs(one, known)]
    return taken


def _result(requests: list[Request], wanted: int) -> Plain | None:
    """Return the result that answers a request, if it came by then."""
    for request in requests:
        for said in request.said:
            if said["type"] in ("reset_result", "step_result") and said["id"] == wanted:
                return said
    return None


def _asked(talk: list[tuple[int, bool, Plain]]) -> list[Request]:
    """Return every reset and step that was new, with what the actor said until the next one."""
    asked: list[Request] = []
    seen: set[int] = set()
    answered: set[int] = set()
    for line, to_actor, plain in talk:
        kind, request_id = plain.get("type"), plain.get("id")
        if to_actor and kind in ("reset", "step") and isinstance(request_id, int):
            if request_id not in seen:
                seen.add(request_id)
                asked.append(Request(line, plain))
        elif not to_actor and asked:
            if kind in _ANSWERS and request_id is not None:
                if request_id in answered:
                    continue
                answered.add(request_id)
            asked[-1].said.append(plain)
    return asked


def _belongs(said: Plain, known: set[int]) -> bool:
    """Whether a learner that made only the known requests may hear this."""
    kind = said["type"]
    if kind == "ping":
        return False  # of the recorded link's silence
    return kind not in (*_ANSWERS, "reset_progress") or said.get("id") in known
