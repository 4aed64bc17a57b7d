"""An actor, a driver who means well, and everybody else: the attack itself."""

from __future__ import annotations

import collections
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from _abuse.attacker import TOKEN_VARIABLE
from _abuse.judge import Block, Body, Found
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


def lay_siege(
    inputs: int,
    *,
    blocks: int,
    attackers: int,
    seed: int,
    quiet_s: float | None = None,
    say: Callable[[int, int, str], None] = lambda *_: None,
) -> Found:
    """Attack an actor in blocks, with a pause after each; return what was seen.

    Args:
        inputs: hostile inputs in all, about.
        blocks: of attack.
        attackers: processes.
        seed: of everything that is drawn.
        quiet_s: length of each pause; None makes them as long as the attacks.
        say: told how far it is.
    """
    clock = SystemClock()
    with contextlib.ExitStack() as stack:
        actor = stack.enter_context(_actor_with_tokens())
        uri = f"ws://{actor.first}"
        driver = stack.enter_context(Servant("_abuse.driver", uri))
        to = ("127.0.0.1", str(port_of(actor)))
        crowd = [
            stack.enter_context(Servant("_abuse.attacker", *to, f"{seed}:{number}"))
            for number in range(attackers)
        ]
        answers: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        files = body_of(actor.process.pid).files
        _attack(crowd, WARM_UP_INPUTS, answers)
        before = middle = settled(actor, clock, files)
        quiet: list[Block] = []
        loud: list[Block] = []
        within_s = 0.0
        for block in range(blocks):
            say(block, blocks, f"{sum(map(collections.Counter.total, answers.values())):,} inputs")
            driver.ask()
            began_s = clock.now()
            _attack(crowd, inputs // blocks, answers)
            took_s = clock.now() - began_s
            loud.append(Block(**driver.ask()))
            within_s += took_s
            if block == (blocks - 1) // 2:
                middle = settled(actor, clock, files)
            driver.ask()
            clock.sleep_until(clock.now() + (took_s if quiet_s is None else quiet_s))
            quiet.append(Block(**driver.ask()))
        after = settled(actor, clock, files)
        alive = actor.process.poll() is None and serves(uri)
        quiet.append(Block(**driver.ask()))
        tracebacks = actor.said().count("Traceback")
        return Found(answers, quiet, loud, before, middle, after, alive, tracebacks, within_s)


def _attack(
    crowd: list[Servant], inputs: int, answers: dict[str, collections.Counter[str]]
) -> None:
    for one in crowd:
        one.tell(inputs=inputs // len(crowd))
    for one in crowd:
        for kind, said in one.answer(BLOCK_LIMIT_S)["tally"].items():
            answers[kind].update(said)


@contextlib.contextmanager
def _actor_with_tokens() -> Iterator[Program]:
    """Start an actor with a token for the driver, and one for spectators that attackers have."""
    driver, spectator = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    before = dict(os.environ)
    # By variables: the children get them, and no command line shows them.
    os.environ["AC_BRIDGE_TOKEN"], os.environ[TOKEN_VARIABLE] = driver, spectator
    tokens = {"AC_BRIDGE_DRIVER_TOKEN": driver, "AC_BRIDGE_SPECTATOR_TOKEN": spectator}
    try:
        with start_actor(*ACTOR, variables=tokens) as actor:
            yield actor
    finally:
        os.environ.clear()
        os.environ.update(before)


def body_of(process_id: int) -> Body:
    """Return what a process of this machine holds now."""
    status = Path(f"/proc/{process_id}/status").read_text()
    [rss] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    files = len(list(Path(f"/proc/{process_id}/fd").iterdir()))
    return Body(rss_bytes=int(rss) * 1024, files=files)


def settled(actor: Program, clock: SystemClock, files: int) -> Body:
    """Return what the actor holds once it has no more descriptors than these, or much later."""
    end_s = clock.now() + EMPTY_AFTER_S
    while (body := body_of(actor.process.pid)).files > files and clock.now() < end_s:
        clock.sleep_until(clock.now() + LOOK_S)
    return body


def serves(uri: str) -> bool:
    """Whether a newcomer who means well is welcomed."""
    try:
        with contextlib.closing(RemoteEnv(uri, task=NoTask())):
            return True
    except ACBridgeError:
        return False
