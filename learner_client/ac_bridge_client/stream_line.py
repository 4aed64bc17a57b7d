"""One actor of a stream: a thread that keeps its link, takes records in, and says what is due.

The thread alone uses the link and the intake. What it shares with the stream is guarded by the
stream's condition, which is held for moments, and never while the link is at work.
"""

from __future__ import annotations

import collections
import logging
import math
import threading
from collections.abc import Mapping

from ac_bridge_client.backoff import waits_s
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.drive import ATTEMPT_S, DriveOptions
from ac_bridge_client.link import Link
from ac_bridge_client.stream_bell import Bell
from ac_bridge_client.stream_intake import Bookmark, Intake, Step
from ac_bridge_client.stream_patience import Patience
from ac_bridge_client.stream_push import Push
from ac_bridge_client.stream_stats import ActorStats
from ac_bridge_client.stream_wish import Wish
from ac_bridge_protocol.edge import Acknowledge, PolicyState, PolicyStatus, Records, RunStatus
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ConnectError,
    LinkError,
    LinkLostError,
    RefusedError,
    SessionLostError,
)
from ac_bridge_protocol.experience import unpack_batch
from ac_bridge_protocol.messages import Failure, Message, Role
from ac_bridge_protocol.spec import EnvSpec, spec_digest

log = logging.getLogger("ac_bridge_client")

LISTEN_S = 1.0
"""How long the thread waits at a time, in seconds: a silent actor is noticed in between."""
AT_ONCE = 16
"""Messages that are taken in before something may be said."""


class Line:
    """Keeps the link to one actor until it is closed.

    Args:
        options: how to connect.
        intake: takes its records.
        waiting: about how many steps may wait to be taken; an actor is asked for no more.
        kept: how far everything was handed out for good, by spool; shared.
        changed: guards what is shared, and is notified whenever something of it changes.

    Attributes:
        queue: steps that wait to be taken.
        wish: what it is to drive.
        push: the policy that it is to have; None before the first.
        spec: what it offers; None before the first link.
        error: why there will be no link any more; None while there may be one.
    """

    def __init__(
        self,
        options: DriveOptions,
        intake: Intake,
        waiting: int,
        kept: Mapping[str, Bookmark],
        changed: threading.Condition,
    ) -> None:
        self._options = options
        self._intake = intake
        self._waiting = waiting
        self._changed = changed
        self._bell = Bell()
        self._stopping = threading.Event()
        self._kept = kept
        self._said: Acknowledge | None = None
        self._run: RunStatus | None = None
        self._policy: PolicyStatus | None = None
        self._failed: PolicyStatus | None = None
        self._settled: RunStatus | None = None
        self._linked = self._heard = False
        self._links = 0
        self.queue: collections.deque[Step] = collections.deque()
        self.wish = Wish()
        self.push: Push | None = None
        self.spec: EnvSpec | None = None
        self.error: ACBridgeError | None = None
        self._thread = threading.Thread(
            target=self._run_thread, name=f"ac-bridge-stream {options.uri}", daemon=True
        )
        self._thread.start()

    # --- What the stream asks, holding its condition ----------------------------------------------

    def look(self) -> None:
        """See whether there is something to say that there was not."""
        self._bell.ring()

    @property
    def uri(self) -> str:
        """The actor's address."""
        return self._options.uri

    def stats(self) -> ActorStats:
        """Return what became of what this actor sent."""
        intake = self._intake
        return ActorStats(
            uri=self._options.uri,
            connected=self._linked,
            links_replaced=max(self._links - 1, 0),
            records=intake.records,
            duplicates=intake.duplicates,
            gaps=intake.gaps,
            unjoined=intake.unjoined,
            waiting=len(self.queue),
            run=self._run,
            policy=self._policy,
        )

    # --- What it asks without ---------------------------------------------------------------------

    def stop(self) -> None:
        """Have the thread end soon, after it has said what is to be said."""
        self._stopping.set()
        self._bell.ring()

    def join(self) -> None:
        """Wait for that."""
        if self._thread is not threading.current_thread():  # where garbage is collected
            self._thread.join()
        self._bell.close()

    # --- The thread -------------------------------------------------------------------------------

    def _run_thread(self) -> None:
        error: ACBridgeError = LinkError(f"The stream of {self._options.uri} was closed.")
        try:
            while (link := self._connected()) is not None:
                self._keep(link)
        except ACBridgeError as found:
            error = found
        finally:
            with self._changed:
                self.error = error
                self._changed.notify_all()

    def _connected(self) -> Link | None:
        """Return a link, however long that takes; None if none is wanted any more.

        Raises:
            ACBridgeError: there will be none.
        """
        first_s = self._options.connect_timeout_s
        patience = Patience(first_s, known=self.spec is not None, now_s=monotonic_s())
        for wait_s in waits_s():
            if self._stopping.wait(wait_s):
                return None
            try:
                return self._dial()
            except SessionLostError:
                raise
            except (ConnectError, LinkLostError, RefusedError) as error:
                if patience.is_over(error, monotonic_s()):
                    raise
        return None

    def _dial(self) -> Link:
        options = self._options
        timeout_s = options.connect_timeout_s
        return Link(
            options.uri,
            codec=options.codec,
            role=Role.LEARNER,
            mode=options.mode,
            observation=options.observation,
            access=options.access,
            connect_timeout_s=timeout_s if self.spec is None else min(timeout_s, ATTEMPT_S),
            on_notice=self._note,
        )

    def _keep(self, link: Link) -> None:
        """Use a link until it is lost, or no longer wanted."""
        link.asked_s = monotonic_s()  # from here on silence means that nobody is there any more
        spec = link.welcome.spec
        if self.spec is not None and spec_digest(spec) != spec_digest(self.spec):
            link.close()
            raise LinkError(
                f"The actor at {link.uri} offers something else than before: its rate, mode, "
                "action or observation has changed.",
                hint="Make a new stream, and policies that fit.",
            )
        with self._changed:
            self.spec = spec
            self._linked, self._heard, self._said = True, False, None
            self._links += 1
            self.wish.connected()
            if self.push is not None:
                self.push.connected()
            self._changed.notify_all()
        try:
            busy = False
            while not self._stopping.is_set():
                link.wait(self._bell.socket, 0.0 if busy else LISTEN_S)
                self._bell.silence()
                self._hear(link)
                busy = self._say(link)
            self._say(link)
        except SessionLostError:  # the token was withdrawn
            raise
        except LinkLostError as error:
            log.info("%s Connecting again.", error.message)
        finally:
            with self._changed:
                self._linked = False
            link.close()

    def _hear(self, link: Link) -> None:
        """Take what has come, but not for ever."""
        for _ in range(AT_ONCE):
            try:
                message = link.take(monotonic_s())
            except TimeoutError:
                return
            steps: list[Step] = []
            if isinstance(message, Records):
                steps = self._intake.take(
                    message.spool, message.first, unpack_batch(message.batch)
                ) + self._intake.settle(self._last)
            elif isinstance(message, RunStatus):
                steps = self._intake.meet(message.spool, message.acknowledged)
                self._settled = None if message.driving else message
                steps += self._intake.settle(self._last)
            elif not isinstance(message, PolicyStatus):
                continue
            with self._changed:
                self.queue.extend(steps)
                self._learn(message)
                self._changed.notify_all()

    @property
    def _last(self) -> float:
        """After which record an episode goes on no further; infinity while it may."""
        settled = self._settled
        return settled.last if settled is not None else math.inf

    def _learn(self, message: Records | RunStatus | PolicyStatus) -> None:
        """Take what an actor tells of itself."""
        if isinstance(message, RunStatus):
            if message.hint and (self._run is None or message.hint != self._run.hint):
                log.warning("%s: %s %s", self._options.uri, message.why, message.hint)
            self._run, self._heard = message, True
            self.wish.hear(message)
        elif isinstance(message, PolicyStatus):
            self._policy = message
            if self.push is not None:
                self.push.hear(message)
            failed = message.state in (PolicyState.REFUSED, PolicyState.ROLLED_BACK)
            if failed and message != self._failed:  # it says so again on each link
                self._failed = message
                log.warning(
                    "%s: policy %d %s: %s %s",
                    self._options.uri,
                    message.version,
                    message.state.value,
                    message.message,
                    message.hint,
                )

    def _say(self, link: Link) -> bool:
        """Say what is to be said; return whether more of it is left."""
        with self._changed:
            messages = self._messages() if self._heard else []
            busy = self.push is not None and self._heard and self.push.sending
        if messages:
            link.send(*messages)
        return busy

    def _messages(self) -> list[Message]:
        """Return what to say now. An actor that was welcomed to speaks first."""
        messages: list[Message] = []
        if self.push is not None and (piece := self.push.next_message()) is not None:
            messages.append(piece)
        if (wished := self.wish.next_message()) is not None:
            messages.append(wished)
        if (acknowledge := self._acknowledge()) is not None:
            messages.append(acknowledge)
        return messages

    def _acknowledge(self) -> Acknowledge | None:
        """Return what to say of the records that are here; None if that is hardly anything new."""
        intake, said = self._intake, self._said
        bookmark = self._kept.get(intake.spool)
        upto = 0 if bookmark is None else bookmark.upto
        room_upto = intake.newest + max(self._waiting - len(self.queue), 0)
        if said is not None and said.spool == intake.spool:
            roomier = room_upto - (said.room_upto or 0) >= max(self._waiting // 4, 1)
            if upto <= said.upto and not roomier:
                return None
        self._said = Acknowledge(spool=intake.spool, upto=upto, room_upto=room_upto)
        return self._said

    def _note(self, notice: object) -> None:
        if isinstance(notice, Failure):
            log.warning("%s: %s %s", self._options.uri, notice.message, notice.hint)
