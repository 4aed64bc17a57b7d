"""Who has the car, who may come back to it, and who may take it. Pure: no clock, no socket."""

from __future__ import annotations

import dataclasses
import hmac

from ac_bridge.server.drive import Drive
from ac_bridge_protocol.errors import ErrorCode, RefusedError
from ac_bridge_protocol.limits import CONNECTIONS


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """On what terms the car is lent.

    Attributes:
        grace_s: how long a driver whose link was lost keeps the car, in seconds.
        spectators: how many may watch at once.
        takeover_key: what an operator shows to take the car from its driver; empty is nobody's.
    """

    grace_s: float = 30.0
    spectators: int = 56
    takeover_key: str = ""


class Lease:
    """Every driver's session, and which of them has the car.

    Args:
        terms: on which it is lent.

    Attributes:
        holder: who has the car.
        stopped: whether the operator at this machine has it: nobody else gets it, with any key.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.holder: Drive | None = None
        self.stopped = False
        self._held_since_s = 0.0
        self._drives: dict[str, Drive] = {}

    def join(self, drive: Drive) -> None:
        """A driver was welcomed."""
        self._drives[drive.secret] = drive
        absent = [
            one for one in self._drives.values() if one.link is None and one is not self.holder
        ]
        while len(self._drives) > CONNECTIONS and absent:
            self.forget(absent.pop(0))  # whoever comes and vanishes over and over fills no memory

    def known(self, secret: str) -> Drive | None:
        """Return the driver that a secret belongs to, if there still is one."""
        found = None
        for known, drive in self._drives.items():  # as long for a near miss as for a wild guess
            if hmac.compare_digest(known.encode(), secret.encode()):
                found = drive
        return found

    def take(self, drive: Drive, key: str, now_s: float) -> Drive | None:
        """Give the car to whoever asks for it, if it may be; return whom it was taken from.

        Args:
            drive: who asks.
            key: the operator's, or empty.
            now_s: on the actor's clock.

        Raises:
            RefusedError: somebody else has it; says who, and for how long. Or the session is over.
        """
        if self.stopped:
            raise RefusedError(
                ErrorCode.BUSY,
                f"The operator at the gaming PC stopped the car {now_s - self._held_since_s:.0f} s "
                "ago, and has not let go of it yet.",
                hint="Ask who is there: Shift and the emergency key, or the word go at the actor's "
                "terminal, lets go of it.",
            )
        before = self.holder
        if before is drive:
            return None
        if self._drives.get(drive.secret) is not drive:
            raise RefusedError(ErrorCode.ILLEGAL, "This session is over.", hint="Connect again.")
        if before is not None:
            self._check_right(before, key, now_s)
        self.holder = drive
        self._held_since_s = now_s
        return before

    def stop(self, now_s: float) -> Drive | None:
        """Give the car to the operator at this machine; return whom it was taken from."""
        if not self.stopped:
            self.stopped, self._held_since_s = True, now_s
        before, self.holder = self.holder, None
        return before

    def go(self) -> None:
        """The operator at this machine lets go of the car."""
        self.stopped = False

    def forget(self, drive: Drive) -> bool:
        """A driver is gone for good; return whether it had the car, which is free now."""
        self._drives.pop(drive.secret, None)
        return self.free(drive)

    def free(self, drive: Drive) -> bool:
        """A driver wants the car no more; return whether it had it."""
        if self.holder is not drive:
            return False
        self.holder = None
        return True

    def expired(self, now_s: float) -> list[Drive]:
        """Return the drivers who have been away for longer than the grace period."""
        grace_s = self.terms.grace_s
        return [drive for drive in self._drives.values() if drive.away_for_s(now_s) > grace_s]

    def _check_right(self, holder: Drive, key: str, now_s: float) -> None:
        asked = self.terms.takeover_key
        if key and asked and hmac.compare_digest(key.encode(), asked.encode()):
            return
        if key:
            raise RefusedError(
                ErrorCode.BUSY,
                "That is not the operator's key." if asked else "This actor has no operator's key.",
                hint="The actor is given one by the setting takeover_key.",
            )
        held_s = now_s - self._held_since_s
        message = f"The car is driven by {holder.peer} ({holder.client}), for {held_s:.0f} s now."
        hint = "Wait until it lets go, or connect as a spectator."
        if holder.away_since_s is not None:
            away_s = holder.away_for_s(now_s)
            message += f" Its link was lost {away_s:.0f} s ago."
            free_s = max(0.0, self.terms.grace_s - away_s)
            hint = f"It may come back for {free_s:.0f} s more; if it was your own, wait that long."
        if asked:
            hint += ' An operator takes it: reset(options={"takeover": KEY}).'
        raise RefusedError(ErrorCode.BUSY, message, hint=hint)
