"""The actor's side of a learner whose policy acts here: policies in, a run, records out.

One learner at a time. Its link may come and go: the run goes on without it, and what the run lives
through waits in the spool.
"""

from __future__ import annotations

from ac_bridge.edge.vault import Vault
from ac_bridge.server.autopilot import Car
from ac_bridge.server.errands import Errands
from ac_bridge.server.learner import Learner, Link
from ac_bridge.server.outbox import Keeper, Outbox
from ac_bridge.server.policies import Load, Policies
from ac_bridge.server.runs import Runs
from ac_bridge_protocol.edge import Acknowledge, PolicyChunk, PolicyOffer, RunStart, RunStop
from ac_bridge_protocol.errors import ErrorCode, RefusedError
from ac_bridge_protocol.messages import EventKind, Message
from ac_bridge_protocol.spec import EnvSpec, Mode


class Teaching:
    """Everything that a learner of an actor may ask for.

    Args:
        car: the actor.
        keeper: of the spool.
        load: makes policies.
        vault: keeps the last good one; None keeps none.
    """

    def __init__(self, car: Car, keeper: Keeper, load: Load, vault: Vault | None = None) -> None:
        self._keeper = keeper
        self._errands = Errands()
        self._learner = Learner()
        self._outbox = Outbox(keeper, self._learner, self._errands)
        self._policies = Policies(
            self._learner,
            self._errands,
            load,
            vault,
            now=lambda: self._runs.moment,
            on_ready=lambda: self._runs.look(),
            on_failed=lambda why: car.tell_all(EventKind.POLICY_FAILED, why),
        )
        self._runs = Runs(car, keeper, self._outbox, self._policies, self._learner, self._errands)

    @property
    def link(self) -> Link | None:
        """The learner's; None while there is none."""
        return self._learner.link

    def check_room(self) -> None:
        """Check that a learner may come.

        Raises:
            RefusedError: one is there.
        """
        self._learner.check_room()

    def check_spec(self, spec: EnvSpec) -> None:
        """Check that an autopilot can drive in that way.

        Raises:
            RefusedError: it cannot.
        """
        if spec.mode is Mode.FIXED_DELAY:
            raise RefusedError(
                ErrorCode.NO_SUCH_MODE,
                "A policy on the actor has no link whose delay could be fixed.",
                hint="Ask for mode latest, or lockstep of a stand-in.",
            )

    def came(self, link: Link, spec: EnvSpec) -> None:
        """A learner was welcomed."""
        self._learner.link = link
        self._policies.came(spec, running=self._runs.running)
        self._outbox.start_over()
        self._policies.tell()
        self._runs.tell()
        self._outbox.pump()
        self._policies.look_in_vault(spec)

    def left(self, link: Link) -> None:
        """A learner's connection is gone."""
        if self._learner.link is link:
            self._learner.link = None

    def handle(self, message: Message) -> None:
        """Act on a message of the learner's."""
        match message:
            case PolicyOffer():
                self._policies.offered(message)
            case PolicyChunk():
                self._policies.chunk(message)
            case RunStart():
                self._runs.start(message)
            case RunStop():
                self._runs.stop(message)
            case Acknowledge():
                self._outbox.acknowledge(message)
            case _:
                pass  # nothing else comes here

    def pump(self) -> None:
        """Send what the learner has room for, if there is something to send."""
        self._outbox.pump()

    def close(self) -> None:
        """The actor stops."""
        self._runs.close()
        self._errands.close()

    def finish(self) -> None:
        """Write what waits, and close the spool.

        Raises:
            SpoolError: its disk failed; says what is lost.
        """
        self._keeper.close()
