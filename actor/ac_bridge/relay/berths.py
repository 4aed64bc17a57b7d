"""Who is parked at a relay under which name, and who waits for whom. Pure.

A name has a berth: the connections ("legs") of one actor process, and the learners who wait for one
of them. This decides; the shell beside it (`ac_bridge.relay.app`) moves the bytes.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ac_bridge_protocol.errors import ErrorCode, RefusedError
from ac_bridge_protocol.limits import CONNECTIONS, HANDSHAKE_TIMEOUT_S
from ac_bridge_protocol.relay import (
    LEARNER_WAIT_S,
    PARK_SILENCE_S,
    REMEMBER_S,
    TAKEN_S,
    Paired,
    Park,
)

NAMES = 4096
"""Most names known at once: four times what one relay is meant for, some 10 MB."""

SPARES = 4
"""Most legs of a name that wait for learners: an actor keeps one, and a second may be on its way
when the first was taken and declined."""

CONVERSATIONS = CONNECTIONS
"""Most learners of a name at once: as many as an actor serves."""

WAITING = 16
"""Most learners who wait for a leg of one name: an actor parks one each round trip, so the last of
them would hardly get one before its patience ends."""

_NAMES_SAID = 10
"""Most names in a hint."""


class Line(Protocol):
    """What is at the end of a leg."""

    def close(self, code: int, reason: str) -> None:
        """End it in good order, as far as that can be."""

    def abort(self) -> None:
        """End it at once."""


class Stage(enum.Enum):
    """How far a leg has come."""

    NEW = enum.auto()
    """Open, and nothing was said on it."""
    SPARE = enum.auto()
    """Parked."""
    ASKED = enum.auto()
    """Told of a learner."""
    PAIRED = enum.auto()
    """Joined to a learner."""
    GONE = enum.auto()
    """Lost, closed or dropped."""


@dataclasses.dataclass(eq=False, slots=True)
class Leg:
    """One connection of an actor.

    Attributes:
        name: under which it parks.
        owner: digest of the park token it came with; empty where none is asked for.
        line: its connection.
        due_s: when something must have been heard of it.
        learner: whom it was told of, or is joined to.
        drives: whether the learner it is joined to may drive.
    """

    name: str
    owner: str
    line: Line
    due_s: float
    stage: Stage = Stage.NEW
    learner: Learner | None = None
    drives: bool = False


@dataclasses.dataclass(eq=False, slots=True)
class Learner:
    """A learner who wants an actor.

    Attributes:
        name: of the actor.
        digest: of its token.
        subprotocol: which it speaks.
        peer: its address, for the log.
        refuse: says no to it.
        join: joins it to the leg that was told of it.
        due_s: until when it waits for a leg.
        leg: that was told of it.
    """

    name: str
    digest: str
    subprotocol: str
    peer: str
    refuse: Callable[[RefusedError], None]
    join: Callable[[Leg], None]
    due_s: float = float("inf")
    leg: Leg | None = None

    def paired(self) -> Paired:
        """Return what its actor is told."""
        return Paired(subprotocol=self.subprotocol, peer=self.peer[:64], digest=self.digest)


@dataclasses.dataclass(eq=False, slots=True)
class _Berth:
    owner: str
    process: str
    since_s: float
    software: str = ""
    drivers: frozenset[str] = frozenset()
    spectators: frozenset[str] = frozenset()
    spares: collections.deque[Leg] = dataclasses.field(default_factory=collections.deque)
    busy: set[Leg] = dataclasses.field(default_factory=set)
    waiting: collections.deque[Learner] = dataclasses.field(default_factory=collections.deque)
    empty_s: float | None = None

    @property
    def legs(self) -> list[Leg]:
        return [*self.spares, *self.busy]

    def opened_by(self, digest: str) -> bool:
        # How long a look-up takes says something of the digest, and nothing of the token.
        return digest in self.drivers or digest in self.spectators


class Berths:
    """All names of a relay."""

    def __init__(self) -> None:
        self._berths: dict[str, _Berth] = {}
        self._silent: set[Leg] = set()  # legs whose silence is counted: all but those paired

    # --- Actors -----------------------------------------------------------------------------------

    def check_name(self, name: str, owner: str, still_good: Callable[[str, str], bool]) -> None:
        """Check that an actor may have a name.

        Args:
            name: that it wants.
            owner: digest of the park token it came with.
            still_good: whether a park token, given by digest, opens a name now.

        Raises:
            RefusedError: another owner has it, or there are too many names.
        """
        berth = self._berths.get(name)
        if berth is None:
            if len(self._berths) >= NAMES:
                raise RefusedError(
                    ErrorCode.FULL,
                    f"{NAMES} actors are known here, and no more fit.",
                    hint="Use another relay.",
                )
        elif berth.owner != owner and still_good(berth.owner, name):
            raise RefusedError(
                ErrorCode.BUSY,
                f"The name {name} belongs to an actor with another park token.",
                hint="Choose another name, or wait a minute after that actor has ended.",
            )

    def came(self, name: str, owner: str, line: Line, now_s: float) -> Leg:
        """Note a connection that was made to park."""
        leg = Leg(name, owner, line, now_s + HANDSHAKE_TIMEOUT_S)
        self._silent.add(leg)
        return leg

    def park(
        self, leg: Leg, park: Park, now_s: float, still_good: Callable[[str, str], bool]
    ) -> list[Leg]:
        """Park a leg, or take over its actor's new tokens; return the legs it displaces.

        Those are gone from here: they only have to be closed.

        Raises:
            RefusedError: another owner has the name by now, or as many legs are parked already.
        """
        self.check_name(leg.name, leg.owner, still_good)
        berth = self._berths.get(leg.name)
        displaced: list[Leg] = []
        if berth is None:
            berth = self._berths[leg.name] = _Berth(leg.owner, park.process, now_s)
        elif berth.process != park.process:
            displaced = [old for old in berth.legs if old is not leg]
            for old in displaced:
                self.left(old, now_s)
            berth.process, berth.since_s = park.process, now_s
        if leg.stage is Stage.NEW:
            if len(berth.spares) >= SPARES:
                raise RefusedError(
                    ErrorCode.TOO_MANY, f"{SPARES} connections are parked as {leg.name} already."
                )
            leg.stage = Stage.SPARE
            berth.spares.append(leg)
        self.heard(leg, now_s)
        berth.owner, berth.software, berth.empty_s = leg.owner, park.software, None
        berth.drivers, berth.spectators = frozenset(park.drivers), frozenset(park.spectators)
        return displaced

    def heard(self, leg: Leg, now_s: float) -> None:
        """Something came from a parked leg."""
        if leg.stage is Stage.SPARE:
            leg.due_s = now_s + PARK_SILENCE_S

    def left(self, leg: Leg, now_s: float) -> None:
        """A leg is gone. Whoever it was told of waits again. May be called twice."""
        if leg.stage is Stage.GONE:
            return
        berth = self._berths.get(leg.name)
        learner, leg.learner = leg.learner, None
        self._silent.discard(leg)
        if berth is not None:
            if leg.stage is Stage.SPARE:
                berth.spares.remove(leg)
            berth.busy.discard(leg)
            if leg.stage is Stage.ASKED and learner is not None:
                learner.leg = None
                berth.waiting.appendleft(learner)
            if not berth.spares and not berth.busy and berth.empty_s is None:
                berth.empty_s = now_s
        leg.stage = Stage.GONE

    def withdrawn(self, still_good: Callable[[str, str], bool]) -> list[Leg]:
        """Return the legs whose park token does not open their name any more."""
        known = {leg for berth in self._berths.values() for leg in berth.busy} | self._silent
        return [leg for leg in known if not still_good(leg.owner, leg.name)]

    # --- Learners ---------------------------------------------------------------------------------

    def knows(self, name: str) -> bool:
        """Whether an actor is parked under a name, or was a moment ago."""
        return name in self._berths

    def opens(self, name: str, digest: str) -> bool:
        """Whether a token, given by digest, opens the actor of that name."""
        berth = self._berths.get(name)
        return berth is not None and berth.opened_by(digest)

    def names_for(self, digest: str) -> list[str]:
        """Return the names that a token, given by digest, opens."""
        return sorted(name for name, berth in self._berths.items() if berth.opened_by(digest))

    def wait(self, learner: Learner, now_s: float) -> None:
        """Let a learner wait for a leg of the actor it wants.

        Raises:
            RefusedError: the actor has as many learners as it can, or as many wait.
        """
        berth = self._berths[learner.name]
        if len(berth.busy) >= CONVERSATIONS or len(berth.waiting) >= WAITING:
            raise RefusedError(
                ErrorCode.FULL,
                f"As many learners as can are with {learner.name}, or wait for it.",
                hint="Try again later.",
            )
        learner.due_s = now_s + LEARNER_WAIT_S
        berth.waiting.append(learner)

    def match(self, name: str, now_s: float) -> tuple[Leg, Learner] | None:
        """Return a leg and the learner that it has to be told of; None if there is no such pair."""
        berth = self._berths.get(name)
        if berth is None or not berth.spares or not berth.waiting:
            return None
        leg, learner = berth.spares.popleft(), berth.waiting.popleft()
        leg.stage, leg.learner, leg.due_s = Stage.ASKED, learner, now_s + TAKEN_S
        learner.leg = leg
        berth.busy.add(leg)
        return leg, learner

    def taken(self, leg: Leg) -> Learner | None:
        """The actor takes the learner; return whom. None if it was told of nobody."""
        learner = leg.learner
        if leg.stage is not Stage.ASKED or learner is None:
            return None
        leg.stage, leg.due_s = Stage.PAIRED, float("inf")
        leg.drives = learner.digest in self._berths[leg.name].drivers
        self._silent.discard(leg)
        return learner

    def declined(self, leg: Leg, now_s: float) -> Learner | None:
        """The actor declines the learner; return whom. None if it was told of nobody."""
        learner = leg.learner
        if leg.stage is not Stage.ASKED or learner is None:
            return None
        berth = self._berths[leg.name]
        berth.busy.discard(leg)
        berth.spares.append(leg)
        leg.stage, leg.learner, learner.leg = Stage.SPARE, None, None
        self.heard(leg, now_s)
        return learner

    def gave_up(self, learner: Learner) -> Leg | None:
        """A learner does not want any more; return the leg that was told of it, if any."""
        berth = self._berths.get(learner.name)
        if berth is not None and learner in berth.waiting:
            berth.waiting.remove(learner)
        leg, learner.leg = learner.leg, None
        if leg is not None:
            leg.learner = None
        return leg

    # --- Time -------------------------------------------------------------------------------------

    def overdue(self, now_s: float) -> list[Leg]:
        """Return the legs of which nothing was heard in time."""
        return [leg for leg in self._silent if leg.due_s <= now_s]

    def out_of_patience(self, now_s: float) -> list[Learner]:
        """Return the learners who waited for a leg in vain; they wait no more."""
        gone: list[Learner] = []
        for berth in self._berths.values():
            while berth.waiting and berth.waiting[0].due_s <= now_s:
                gone.append(berth.waiting.popleft())
        return gone

    def forget(self, now_s: float) -> None:
        """Forget the names whose last leg is gone for long."""
        for name, berth in list(self._berths.items()):
            gone_s = now_s - berth.empty_s if berth.empty_s is not None else 0.0
            if gone_s >= REMEMBER_S and not berth.waiting:
                del self._berths[name]

    # --- Looking at it ----------------------------------------------------------------------------

    @property
    def count(self) -> tuple[int, int]:
        """How many actors have a leg here, and how many learners are joined to one."""
        berths = self._berths.values()
        joined = sum(1 for berth in berths for leg in berth.busy if leg.stage is Stage.PAIRED)
        return sum(1 for berth in berths if berth.empty_s is None), joined

    def listing(self, names: list[str] | None, now_s: float) -> Iterator[dict[str, Any]]:
        """Describe actors that have a leg here.

        Args:
            names: of those to describe; None for all.
            now_s: the time.
        """
        for name in sorted(self._berths) if names is None else names:
            berth = self._berths.get(name)
            if berth is None or berth.empty_s is not None:
                continue
            paired = [leg.drives for leg in berth.busy if leg.stage is Stage.PAIRED]
            yield {
                "name": name,
                "software": berth.software,
                "parked_s": round(now_s - berth.since_s, 1),
                "ready": bool(berth.spares),
                "drivers": sum(paired),
                "spectators": len(paired) - sum(paired),
            }


def some(names: list[str]) -> str:
    """Name some names in a sentence."""
    more = len(names) - _NAMES_SAID
    return ", ".join(names[:_NAMES_SAID]) + (f" and {more} more" if more > 0 else "")
