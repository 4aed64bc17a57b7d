"""Policies that a learner gives an actor: offered, received, tried, seated, kept."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from ac_bridge.edge.arrival import Arrival
from ac_bridge.edge.seat import Policy, Seat, Seated
from ac_bridge.edge.vault import Kept, Vault
from ac_bridge.server.errands import Errands
from ac_bridge.server.failures import cut
from ac_bridge.server.learner import Learner
from ac_bridge_protocol.edge import (
    PolicyChunk,
    PolicyOffer,
    PolicyRefusal,
    PolicyState,
    PolicyStatus,
)
from ac_bridge_protocol.errors import PolicyRefusedError
from ac_bridge_protocol.experience import Array, to_array
from ac_bridge_protocol.runs import Swap
from ac_bridge_protocol.spec import EnvSpec, spec_digest

log = structlog.get_logger()

Load = Callable[[bytes, EnvSpec, Sequence[Array]], Awaitable[Policy]]
"""Makes a policy of its bytes, and tries it on recorded observations, where that holds up nobody.
Raises PolicyRefusedError if it is of no use."""

RECORDED = 256
"""Newest observations that a policy is tried on."""


class Newest(NamedTuple):
    """The newest policy that was taken, as it was offered."""

    version: int
    sha256: str


class Moment(NamedTuple):
    """Where a run is.

    Attributes:
        episode: begun last, from 1; 0 before the first.
        tick: of the newest observation in it.
    """

    episode: int
    tick: int


class Policies:
    """What there is of policies, and what the learner is told of them.

    Args:
        learner: who offers them.
        errands: in which they are tried.
        load: makes policies.
        vault: keeps the last good one; None keeps none.
        now: returns where the run is; None before the first.
        on_ready: called when another policy waits for its turn.
        on_failed: told which policy failed while it acted, and why.

    Attributes:
        seat: who acts.
        spec: in which way runs see and act; None before the first learner.
        wanted: in which way the learner wants to; another one only while a run goes on.
    """

    def __init__(
        self,
        learner: Learner,
        errands: Errands,
        load: Load,
        vault: Vault | None,
        now: Callable[[], Moment | None],
        on_ready: Callable[[], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._learner = learner
        self._errands = errands
        self._load = load
        self._vault = vault
        self._now = now
        self._on_ready = on_ready
        self._tell_failed = on_failed
        self._kept, note = (None, "") if vault is None else vault.load()
        if note:
            log.warning("policy", note=note)
        self._ready: Kept | None = None
        self._recorded: collections.deque[bytes] = collections.deque(maxlen=RECORDED)
        self._arrival: Arrival | None = None
        self._newest: Newest | None = None
        if self._kept is not None:
            self._newest = Newest(self._kept.version, self._kept.sha256)
        self._told: PolicyStatus | None = None
        self.seat = Seat(self._on_active, self._on_failed)
        self.spec: EnvSpec | None = None
        self.wanted: EnvSpec | None = None

    def came(self, spec: EnvSpec, *, running: bool) -> None:
        """A learner has come that wants to see and act in this way."""
        self.wanted = spec
        if not running:
            self.drive_as_wanted()

    @property
    def as_wanted(self) -> bool:
        """Whether runs see and act as the learner wants to."""
        return _digest(self.spec) == _digest(self.wanted)

    def drive_as_wanted(self) -> None:
        """From now on runs see and act so; policies made for another way are of no use."""
        if self.spec is not None and not self.as_wanted:
            self.seat = Seat(self._on_active, self._on_failed)
            self._arrival = self._ready = self._told = None
            self._recorded.clear()
        self.spec = self.wanted

    def tell(self) -> None:
        """Say where the newest one is, to who has just come."""
        if self._told is not None:
            self._learner.say(self._told)

    def look_in_vault(self, spec: EnvSpec) -> None:
        """Let the policy of the last time act, if it serves who has just come."""
        kept, self._kept = self._kept, None
        if kept is not None and kept.spec == spec_digest(spec) and self.seat.active is None:
            self._tell_state(kept.version, PolicyState.CHECKING, len(kept.data))
            self._errands.start(self._check(kept, Swap.EPISODE))

    def see(self, observation: bytes) -> None:
        """Remember an observation of a run: policies are tried on it."""
        self._recorded.append(observation)

    # --- What the learner says --------------------------------------------------------------------

    def offered(self, offer: PolicyOffer) -> None:
        """A policy is offered."""
        if self._arrival is not None and self._arrival.offer == offer:
            self._tell_state(offer.version, PolicyState.WANTED, self._arrival.received_bytes)
            return
        offered = Newest(offer.version, offer.sha256)
        if self._newest == offered and self._told is not None:
            self._learner.say(self._told)  # the learner's link was lost before it heard
            return
        try:
            self._check_offer(offer)
        except PolicyRefusedError as error:
            self._refuse(offer.version, error)
            return
        self._newest = offered
        self._arrival = Arrival(offer)
        self._tell_state(offer.version, PolicyState.WANTED)

    def chunk(self, chunk: PolicyChunk) -> None:
        """Some of its bytes have come."""
        arrival = self._arrival
        if arrival is None or arrival.offer.version != chunk.version:
            return  # of an offer that was refused or given up
        try:
            whole = arrival.add(chunk)
        except PolicyRefusedError as error:
            self._arrival = None
            self._refuse(chunk.version, error)
            return
        if whole is None:
            if arrival.received_bytes <= chunk.offset:
                self._tell_state(chunk.version, PolicyState.WANTED, arrival.received_bytes)
            return
        self._arrival = None
        self._tell_state(chunk.version, PolicyState.CHECKING, len(whole))
        offer = arrival.offer
        kept = Kept(offer.version, offer.spec, offer.sha256, whole)
        self._errands.start(self._check(kept, offer.swap))

    # --- Trying and seating -----------------------------------------------------------------------

    def _check_offer(self, offer: PolicyOffer) -> None:
        newest = 0 if self._newest is None else self._newest.version
        if offer.version <= newest:
            raise PolicyRefusedError(
                PolicyRefusal.OLD,
                f"Version {offer.version} is not above {newest}, the newest one here.",
                hint="Versions rise.",
            )
        assert self.spec is not None  # noqa: S101 -- who offers was welcomed
        if offer.spec != spec_digest(self.spec):
            raise PolicyRefusedError(
                PolicyRefusal.OTHER_SPEC,
                "The policy was made for another observation, action, rate or mode.",
                hint="Make it for this actor's env_spec. A run that goes on keeps its own: if that "
                "is another, stop it first.",
            )

    async def _check(self, kept: Kept, swap: Swap) -> None:
        """Have a policy tried where it holds up nobody, and seat it."""
        assert self.spec is not None  # noqa: S101 -- as above
        recorded = [to_array(one) for one in self._recorded]
        try:
            policy = await self._load(kept.data, self.spec, recorded)
        except PolicyRefusedError as error:
            self._refuse(kept.version, error, len(kept.data))
            return
        if self._newest is None or kept.version != self._newest.version:
            return  # a newer one has been offered meanwhile
        if kept.spec != spec_digest(self.spec):
            return  # and this one was made for what nobody asks for any more
        self._ready = kept
        self.seat.offer(Seated(kept.version, policy), swap)
        self._tell_state(kept.version, PolicyState.READY, len(kept.data))
        self._on_ready()

    def _on_active(self, seated: Seated, at: Swap) -> None:
        since = self._now()
        if since is not None and at is Swap.EPISODE:  # the one that begins is not counted yet
            since = Moment(since.episode + 1, 0)
        self._tell_state(seated.version, PolicyState.ACTIVE, since=since)
        kept, self._ready = self._ready, None
        if kept is not None and self._vault is not None:
            self._errands.start(self._keep_policy(self._vault, kept))

    async def _keep_policy(self, vault: Vault, kept: Kept) -> None:
        try:
            await asyncio.to_thread(vault.keep, kept)
        except OSError as error:
            log.warning("policy not kept", version=kept.version, error=str(error))

    # --- Telling the learner ----------------------------------------------------------------------

    def _on_failed(self, seated: Seated, why: str) -> None:
        self._tell_failed(why)
        at = self._now()
        self._tell_of(
            PolicyStatus(
                version=seated.version,
                state=PolicyState.ROLLED_BACK,
                received_bytes=0,
                episode=None if at is None else at.episode,
                tick=None if at is None else at.tick,
                message=cut(why),
                hint="Push a better one with a higher version.",
            )
        )

    def _refuse(self, version: int, error: PolicyRefusedError, received_bytes: int = 0) -> None:
        log.warning("policy refused", version=version, why=str(error))
        self._tell_of(
            PolicyStatus(
                version=version,
                state=PolicyState.REFUSED,
                received_bytes=received_bytes,
                refusal=PolicyRefusal(error.reason),
                message=cut(error.message),
                hint=cut(error.hint),
            )
        )

    def _tell_state(
        self,
        version: int,
        state: PolicyState,
        received_bytes: int = 0,
        since: Moment | None = None,
    ) -> None:
        self._tell_of(
            PolicyStatus(
                version=version,
                state=state,
                received_bytes=received_bytes,
                episode=None if since is None else since.episode,
                tick=None if since is None else since.tick,
            )
        )

    def _tell_of(self, status: PolicyStatus) -> None:
        """Say where a policy is; of the newest one that was taken, again to whoever comes."""
        newest = self._newest is not None and status.version == self._newest.version
        if newest and status.refusal is not PolicyRefusal.OLD:
            self._told = status
        self._learner.say(status)


def _digest(spec: EnvSpec | None) -> str:
    return "" if spec is None else spec_digest(spec)
