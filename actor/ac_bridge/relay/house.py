"""The relay behind its front door: who may park, who may ask for whom, and who is joined to whom.

Actors park under a name, learners ask for one, and once an actor has taken a learner their
connections are joined. Who may do what is decided by the relay's own tokens and by the digests that
actors bring; the actor decides again, by its own book.
"""

from __future__ import annotations

import functools
from http import HTTPStatus

import structlog
from websockets.frames import CloseCode

from ac_bridge.clock import Clock
from ac_bridge.net.door import Door, Visit
from ac_bridge.net.entry import (
    HEALTH_PATH,
    LEARNERS_HINT,
    PARKERS_HINT,
    NotAdmittedError,
    check_origin,
    check_room,
    check_token,
    check_websocket,
    codec_of,
)
from ac_bridge.net.gate import Gate
from ac_bridge.net.refusals import Refusals
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import Grant, digest_of
from ac_bridge.net.turns import Turns
from ac_bridge.relay.berths import Berths, Learner, Leg, Stage, some
from ac_bridge.relay.leg import ParkedLine
from ac_bridge.relay.pipe import Pipe
from ac_bridge_protocol.errors import ErrorCode, FrameError, RefusedError
from ac_bridge_protocol.relay import (
    ACTORS_PATH,
    DISPLACED_CODE,
    DISPLACED_REASON,
    PARKING,
    WITHDRAWN_CODE,
    WITHDRAWN_REASON,
    Declined,
    Park,
    name_in,
)

log = structlog.get_logger()

STATUS = {
    ErrorCode.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.NO_SUCH_ACTOR: HTTPStatus.NOT_FOUND,
    ErrorCode.BUSY: HTTPStatus.CONFLICT,
    ErrorCode.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.WRONG_CODEC: HTTPStatus.BAD_REQUEST,
}
"""The HTTP status that goes with an error; any other is 503, try again later."""


class RelayHouse:
    """The relay, for whoever comes to its door.

    Args:
        clock: the machine's.
        gate: counts who comes.
        tokens: who may park and who may list. If nobody is asked for a park token at the start,
            nobody ever is; else everybody always is, whatever becomes of the file.

    Attributes:
        berths: who is parked, and who waits.
    """

    def __init__(self, clock: Clock, gate: Gate, tokens: TokenKeeper) -> None:
        self.clock = clock
        self.gate = gate
        self.turns = Turns(clock)
        self.berths = Berths()
        self._tokens = tokens
        self._asks = bool(tokens.book.digests(Grant.PARK))
        self._lines: set[ParkedLine] = set()
        self._pipes: set[Pipe] = set()
        self._started_s = clock.now()
        self._refusals = Refusals(self._started_s)

    # --- The door calls ---------------------------------------------------------------------------

    def called(self, door: Door, visit: Visit) -> None:
        """Answer a request."""
        try:
            if visit.path == HEALTH_PATH:
                self._tell_health(door)
            elif visit.path.rstrip("/") == ACTORS_PATH:
                self._list(door, visit)
            elif PARKING in visit.subprotocols:
                self._let_park(door, visit, _name_in(visit))
            else:
                self._let_wait(door, visit, _name_in(visit))
        except RefusedError as error:
            self._refusals.note(visit, error, self.clock.now())
            refuse(door, error)

    def _tell_health(self, door: Door) -> None:
        actors, learners = self.berths.count
        up_s = round(self.clock.now() - self._started_s, 1)
        door.page({"status": "ok", "actors": actors, "learners": learners, "up_s": up_s})

    def _list(self, door: Door, visit: Visit) -> None:
        own = self._names_for(visit)
        grants = self._check_token(visit, opens_actors=bool(own))
        if Grant.LIST not in grants and not own:
            raise RefusedError(
                ErrorCode.FORBIDDEN,
                "That token may not list actors.",
                hint="Show a list token of the relay, or a token of an actor that is parked here.",
            )
        names = None if Grant.LIST in grants else own
        door.page({"actors": list(self.berths.listing(names, self.clock.now()))})

    def _names_for(self, visit: Visit) -> list[str]:
        """Return the actors that a visitor's token opens: none without one, whatever they say."""
        return self.berths.names_for(digest_of(visit.token)) if visit.token else []

    def _check_token(
        self, visit: Visit, *, opens_actors: bool, hint: str = LEARNERS_HINT
    ) -> frozenset[Grant]:
        """Return what a token opens here, be it the relay's own or an actor's.

        Raises:
            NotAdmittedError: nothing; or too many wrong ones came before it.
        """
        actors = frozenset({Grant.SPECTATOR}) if opens_actors else frozenset()
        return check_token(
            self.gate,
            visit,
            self.clock.now(),
            lambda token: actors | self._tokens.book.grants(token),
            hint=hint,
        )

    # --- Actors -----------------------------------------------------------------------------------

    def _let_park(self, door: Door, visit: Visit, name: str) -> None:
        check_origin(visit, ())
        owner = self._owner(visit, name)
        check_room(self.gate, door.place)
        self.berths.check_name(name, owner, self._still_good)
        line = ParkedLine(self, door.place, visit.peer)
        line.leg = self.berths.came(name, owner, line, self.clock.now())
        if door.admit(PARKING, lambda _: line):
            self._lines.add(line)
        else:
            self.berths.left(line.leg, self.clock.now())

    def _owner(self, visit: Visit, name: str) -> str:
        """Return the digest of the park token, empty where none is asked for.

        Raises:
            RefusedError: it does not open that name.
        """
        if not self._asks:
            return ""
        grants = self._check_token(visit, opens_actors=False, hint=PARKERS_HINT)
        owner = digest_of(visit.token)
        if self._still_good(owner, name):
            return owner
        if Grant.PARK in grants:
            raise RefusedError(
                ErrorCode.FORBIDDEN,
                f"That token may not park as {name}.",
                hint="Park under the name that the token was made for.",
            )
        raise RefusedError(
            ErrorCode.FORBIDDEN,
            "That is no park token.",
            hint=PARKERS_HINT,
        )

    def _still_good(self, owner: str, name: str) -> bool:
        """Whether a park token, given by digest, opens a name now."""
        return not self._asks or any(
            entry.grant is Grant.PARK and entry.digest == owner and entry.name in ("", name)
            for entry in self._tokens.book.entries
        )

    def parked(self, leg: Leg, park: Park) -> None:
        """An actor parks, or has other tokens."""
        line = _parked_line(leg)
        new = leg.stage is Stage.NEW
        try:
            displaced = self.berths.park(leg, park, self.clock.now(), self._still_good)
        except RefusedError as error:
            log.warning("not parked", name=leg.name, peer=line.peer, reason=error.message)
            if error.code is ErrorCode.BUSY:
                line.close(DISPLACED_CODE, DISPLACED_REASON)
            else:
                line.close(CloseCode.TRY_AGAIN_LATER, error.message)
            return
        for old in displaced:
            log.warning("actor displaced", name=leg.name, by=line.peer)
            old.line.close(DISPLACED_CODE, DISPLACED_REASON)
        line.welcome()
        if new:
            log.info("parked", name=leg.name, peer=line.peer, software=park.software)
        self._match(leg.name)

    def heard(self, leg: Leg) -> None:
        """A parked actor is alive."""
        self.berths.heard(leg, self.clock.now())

    def taken(self, leg: Leg) -> None:
        """An actor takes the learner that it was told of: join their connections.

        Raises:
            FrameError: it was told of nobody.
        """
        learner = self.berths.taken(leg)
        if learner is None:
            raise FrameError(ErrorCode.ILLEGAL, "It was told of no learner.")
        learner.join(leg)

    def declined(self, leg: Leg, declined: Declined) -> None:
        """An actor does not want the learner that it was told of.

        Raises:
            FrameError: it was told of nobody.
        """
        learner = self.berths.declined(leg, self.clock.now())
        if learner is None:
            raise FrameError(ErrorCode.ILLEGAL, "It was told of no learner.")
        log.info("declined", name=leg.name, peer=learner.peer, reason=declined.message)
        learner.refuse(RefusedError(declined.code, declined.message, hint=declined.hint))
        self._match(leg.name)

    def left(self, line: ParkedLine) -> None:
        """A parked connection is gone."""
        self._lines.discard(line)
        if line.leg.stage is not Stage.GONE:
            log.info("no longer parked", name=line.leg.name, peer=line.peer)
        self._forget(line.leg)

    def _forget(self, leg: Leg) -> None:
        """A leg is gone; its learner, if it did not take it yet, gets the next one."""
        self.berths.left(leg, self.clock.now())
        self._match(leg.name)

    # --- Learners ---------------------------------------------------------------------------------

    def _let_wait(self, door: Door, visit: Visit, name: str) -> None:
        check_websocket(visit)
        check_origin(visit, ())
        self._check_opens(visit, name)
        codec = codec_of(visit)
        check_room(self.gate, door.place)
        learner = Learner(
            name,
            digest_of(visit.token),
            codec.subprotocol,
            visit.peer,
            refuse=functools.partial(refuse, door),
            join=lambda leg: self._join(door, learner, leg),
        )
        self.berths.wait(learner, self.clock.now())
        door.on_gone = functools.partial(self._gave_up, learner)
        self._match(name)

    def _check_opens(self, visit: Visit, name: str) -> None:
        """Check that a token opens an actor.

        Raises:
            RefusedError: it does not, or there is no such actor.
        """
        known = self.berths.knows(name)
        names = self._names_for(visit)
        # A token that opens nothing is no wrong one while its actor is not here to say so.
        if known or names or not visit.token:
            self._check_token(visit, opens_actors=bool(names))
        opens = f"It opens: {some(names)}." if names else ""
        if not known:
            raise RefusedError(
                ErrorCode.NO_SUCH_ACTOR,
                f"No actor is parked here as {name}.",
                hint=opens or "Is the actor running, with this relay, under that very name?",
            )
        if name not in names:
            raise RefusedError(
                ErrorCode.FORBIDDEN,
                f"That token does not open {name}.",
                hint=opens or "A learner shows a token of the actor's own, not of the relay's.",
            )

    def _match(self, name: str) -> None:
        """Tell parked actors of waiting learners."""
        while (pair := self.berths.match(name, self.clock.now())) is not None:
            leg, learner = pair
            _parked_line(leg).ask(learner.paired())

    def _join(self, door: Door, learner: Learner, leg: Leg) -> None:
        line = _parked_line(leg)
        pipe = Pipe(
            door.place,
            line.place,
            drives=leg.drives,
            on_gone=functools.partial(self._parted, learner, leg),
        )
        if not door.admit(learner.subprotocol, lambda _: pipe.learner):
            self._drop(leg)  # it counts on a learner
            return
        rest = line.hand_over(pipe.actor)
        leg.line = pipe
        self._lines.discard(line)
        self._pipes.add(pipe)
        log.info("joined", name=leg.name, peer=learner.peer, drives=leg.drives)
        if rest:
            pipe.actor.data_received(rest)

    def _parted(self, learner: Learner, leg: Leg, pipe: Pipe) -> None:
        log.info("parted", name=leg.name, peer=learner.peer)
        self._pipes.discard(pipe)
        self._forget(leg)

    def _gave_up(self, learner: Learner) -> None:
        """A learner hung up before it was joined to anybody."""
        leg = self.berths.gave_up(learner)
        if leg is not None:
            self._drop(leg)  # it counts on a learner

    def _drop(self, leg: Leg) -> None:
        """Do without a leg from now on."""
        self._forget(leg)
        leg.line.abort()

    # --- The program calls ------------------------------------------------------------------------

    @property
    def open(self) -> int:
        """Connections that are parked, and pairs that are joined."""
        return len(self._lines) + len(self._pipes)

    def look_after(self, now_s: float) -> None:
        """Give up whoever did not say in time what it had to."""
        for leg in self.berths.overdue(now_s):
            log.info("silent", name=leg.name, stage=leg.stage.name.lower())
            self._drop(leg)
        for learner in self.berths.out_of_patience(now_s):
            learner.refuse(
                NotAdmittedError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    ErrorCode.NO_SUCH_ACTOR,
                    f"The actor {learner.name} is not parked at this moment.",
                    hint="It was a moment ago: try again.",
                )
            )
        self.berths.forget(now_s)
        for pipe in list(self._pipes):
            pipe.look_after(now_s)

    def look_at_tokens(self) -> None:
        """Go by the tokens as they are in their file now."""
        if self._tokens.refresh():
            for leg in self.berths.withdrawn(self._still_good):
                log.warning("park token withdrawn", name=leg.name)
                self._forget(leg)
                leg.line.close(WITHDRAWN_CODE, WITHDRAWN_REASON)

    def say_goodbye(self) -> None:
        """The relay is being stopped: actors are told, conversations are lost, not ended.

        A learner comes back to its session once this relay, or another one, is there.
        """
        self._turn_away()
        for line in list(self._lines):
            line.close(CloseCode.GOING_AWAY, "the relay is being stopped")
        for pipe in list(self._pipes):
            pipe.abort()

    def abort(self) -> None:
        """Drop every connection."""
        self._turn_away()
        for line in list(self._lines):
            line.abort()
        for pipe in list(self._pipes):
            pipe.abort()

    def _turn_away(self) -> None:
        """Refuse every learner that waits for an actor."""
        for learner in self.berths.out_of_patience(float("inf")):
            learner.refuse(RefusedError(ErrorCode.SHUTTING_DOWN, "The relay is being stopped."))


def refuse(door: Door, error: RefusedError) -> None:
    """Refuse with the status that goes with the error."""
    if isinstance(error, NotAdmittedError):
        door.refuse(error.status, error, error.headers)
    else:
        code = error.code or ErrorCode.FULL
        door.refuse(STATUS.get(code, HTTPStatus.SERVICE_UNAVAILABLE), error)


def _name_in(visit: Visit) -> str:
    """Return the name of the actor that is asked for.

    Raises:
        RefusedError: something else is.
    """
    name = name_in(visit.path)
    if name is None:
        raise RefusedError(
            ErrorCode.NO_SUCH_ACTOR,
            f"There is nothing at {visit.path[:100]!r}: this is a relay.",
            hint=f"Dial {ACTORS_PATH}/NAME, with the name that the actor parks under.",
        )
    return name


def _parked_line(leg: Leg) -> ParkedLine:
    """Return the connection of a leg that is parked; one that is joined has another."""
    assert isinstance(leg.line, ParkedLine)  # noqa: S101 -- made so by _let_park
    return leg.line
