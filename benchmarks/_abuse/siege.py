"""An actor, a driver who means well, a neighbour, and everybody else: the attack itself.

The neighbour is a second actor, the same in all but that nobody drives it. Attacked instead of the
driver's, it costs the machine what the attack costs, and the driver's actor nothing.
"""

from __future__ import annotations

import collections
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from _abuse.attacker import TOKEN_VARIABLE
from _abuse.judge import Block, Body, Found, Where
from _faults.record import NoTask
from _faults.scene import ACTOR, Program, port_of, start_actor
from ac_bridge.clock import SystemClock
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import ACBridgeError
from links.servant import Servant

EMPTY_AFTER_S = 20.0
"""By then everybody who was let in or refused has been let go: deadlines are 5 s."""
LOOK_S = 0.25
WARM_UP_INPUTS = 400
"""What the first of a kind costs (imports, caches) belongs to no leak."""
BLOCK_LIMIT_S = 600.0
ROUND = (Where.NEIGHBOUR, Where.HERE, Where.QUIET, Where.HERE)
"""Of blocks: by turns, so that whatever else the machine does comes to each of the three."""
QUIET_S = 8.0
NEIGHBOURS_SHARE = 0.25
"""Of an attack on the driver's actor: as many at a time, for a shorter time."""


class Siege:
    """Everybody who takes part, and what was seen so far. A context manager: it ends them all.

    Args:
        attackers: processes.
        seed: of everything that is drawn.
    """

    def __init__(self, attackers: int, seed: int) -> None:
        self._stack = contextlib.ExitStack()
        self._clock = SystemClock()
        self.blocks: dict[Where, list[Block]] = {where: [] for where in Where}
        self.answers: dict[str, collections.Counter[str]] = collections.defaultdict(
            collections.Counter
        )
        self.ended: list[str] = []
        self.within_s = 0.0
        with contextlib.ExitStack() as stack:
            stack.enter_context(_tokens_in_variables())
            self.actor = stack.enter_context(_actor())
            self._neighbour = stack.enter_context(_actor())
            self._driver = stack.enter_context(Servant("_abuse.driver", self.uri))
            self._crowd = [
                stack.enter_context(Servant("_abuse.attacker", f"{seed}:{number}"))
                for number in range(attackers)
            ]
            self._files = self.body.files
            self._stack = stack.pop_all()

    @property
    def uri(self) -> str:
        """The address of the driver's actor."""
        return f"ws://{self.actor.first}"

    @property
    def body(self) -> Body:
        """What the driver's actor holds now."""
        return body_of(self.actor.process.pid)

    @property
    def inputs(self) -> int:
        """Hostile inputs that the driver's actor had so far."""
        return sum(said.total() for said in self.answers.values())

    def warm_up(self) -> None:
        """Let each actor meet everything once: the first of a kind costs more."""
        self._attack(self.actor, WARM_UP_INPUTS)
        self._attack(self._neighbour, WARM_UP_INPUTS)

    def block(self, where: Where, inputs: int, quiet_s: float) -> None:
        """Attack the one actor or the other, or neither for some seconds; note the ticks."""
        self.ask()
        if where is Where.HERE:
            began_s = self._clock.now()
            for kind, said in self._attack(self.actor, inputs):
                self.answers[kind].update(said)
            self.within_s += self._clock.now() - began_s
        elif where is Where.NEIGHBOUR:
            self._attack(self._neighbour, inputs)
        else:
            self._clock.sleep_until(self._clock.now() + quiet_s)
        self.blocks[where].append(self.ask())

    def ask(self) -> Block:
        """Return what the driver met since it was last asked."""
        met = self._driver.ask()
        self.ended += met.pop("ended")
        return Block(**met)

    def settled(self) -> Body:
        """Return what the actor holds once it has no more descriptors than before it all.

        Or much later, if that never happens.
        """
        end_s = self._clock.now() + EMPTY_AFTER_S
        while (body := self.body).files > self._files and self._clock.now() < end_s:
            self._clock.sleep_until(self._clock.now() + LOOK_S)
        return body

    def _attack(self, actor: Program, inputs: int) -> list[tuple[str, dict[str, int]]]:
        """Attack an actor; return what it answered, by kind of attack."""
        for one in self._crowd:
            one.tell(inputs=inputs // len(self._crowd), host="127.0.0.1", port=port_of(actor))
        tallies = [one.answer(BLOCK_LIMIT_S)["tally"] for one in self._crowd]
        return [item for tally in tallies for item in tally.items()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def lay_siege(
    inputs: int,
    *,
    blocks: Sequence[Where],
    attackers: int,
    seed: int,
    quiet_s: float = QUIET_S,
    say: Callable[[int, int, str], None] = lambda *_: None,
) -> Found:
    """Attack an actor, its neighbour or nobody, by turns; return what was seen.

    Args:
        inputs: hostile inputs that the driver's actor gets in all, about.
        blocks: whom to attack, in turn.
        attackers: processes.
        seed: of everything that is drawn.
        quiet_s: length of the blocks without an attack.
        say: told how far it is.
    """
    here = blocks.count(Where.HERE)
    with Siege(attackers, seed) as siege:
        siege.warm_up()
        before = middle = siege.settled()
        for number, where in enumerate(blocks):
            say(number, len(blocks), f"{siege.inputs:,} inputs")
            share = NEIGHBOURS_SHARE if where is Where.NEIGHBOUR else 1.0
            siege.block(where, int(share * inputs / here), quiet_s)
            if where is Where.HERE and len(siege.blocks[where]) == here // 2:
                middle = siege.settled()
        say(len(blocks), len(blocks), f"{siege.inputs:,} inputs")
        after = siege.settled()
        alive = siege.actor.process.poll() is None and serves(siege.uri)
        siege.ask()  # whether the driver has the car still
        return Found(
            answers=siege.answers,
            blocks=siege.blocks,
            ended=siege.ended,
            before=before,
            middle=middle,
            after=after,
            alive=alive,
            tracebacks=siege.actor.said().count("Traceback"),
            within_s=siege.within_s,
        )


@contextlib.contextmanager
def _tokens_in_variables() -> Iterator[None]:
    """Have a token for the driver, and one for spectators that attackers have.

    By variables: the children get them, and no command line shows them.
    """
    before = dict(os.environ)
    os.environ["AC_BRIDGE_TOKEN"] = secrets.token_urlsafe(32)
    os.environ[TOKEN_VARIABLE] = secrets.token_urlsafe(32)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _actor() -> Program:
    """Start an actor that asks for these tokens."""
    return start_actor(
        *ACTOR,
        variables={
            "AC_BRIDGE_DRIVER_TOKEN": os.environ["AC_BRIDGE_TOKEN"],
            "AC_BRIDGE_SPECTATOR_TOKEN": os.environ[TOKEN_VARIABLE],
        },
    )


def body_of(process_id: int) -> Body:
    """Return what a process of this machine holds now."""
    status = Path(f"/proc/{process_id}/status").read_text()
    [rss] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    files = len(list(Path(f"/proc/{process_id}/fd").iterdir()))
    return Body(rss_bytes=int(rss) * 1024, files=files)


def serves(uri: str) -> bool:
    """Whether a newcomer who means well is welcomed."""
    try:
        with contextlib.closing(RemoteEnv(uri, task=NoTask())):
            return True
    except ACBridgeError:
        return False
