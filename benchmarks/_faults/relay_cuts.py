"""Either leg of a relay is cut again and again while the car is driven through it.

A proxy stands on the learner's way to the relay and another on the actor's. The second one also
cuts connections that wait there for the next learner.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from _faults.checks import Losses, losses
from _faults.link_cuts import DELAY_TICKS, QUALITY, connect, drive, driven, mode_of
from _faults.record import StepRecord
from _faults.row import Bench, Verdict
from _faults.scene import ACTOR, Program, start_actor
from ac_bridge.clock import Clock
from links import CutPlan, ProxyLink
from links.conversation import Direction, Place
from links.quality import seeded

NAME = "pc"
LONGEST_S = 0.25
"""A connection of the learner that is cut at a moment lives no longer."""
ACTORS_LONGEST_S = 1.0
"""One of the actor's: it waits for a learner first, and is usually cut when it has one."""
DELAYED_SHARE = 0.3
"""Of the cuts that are made in a session with mode `fixed_delay`."""
DOWN_S = 0.3
"""A relay that was killed is started again at most this long afterwards, at random."""
SOON_S = 0.1
"""It is killed at most this long after an episode's beginning, at random."""
PLACES = (
    (Place.REQUEST, "with a request in flight"),
    (Place.ANSWER, "with an answer in flight"),
    (Place.RESET, "during a reset"),
    (Place.IDLE, "in between"),
)


def run(bench: Bench) -> Verdict:
    """Cut a session that waits for each answer, and one with several steps in flight."""
    cuts, kills = bench.pick(40, 200), bench.pick(1, 3)
    delayed = round(cuts * DELAYED_SHARE)
    verdicts = [
        cut_session(bench, cuts - delayed, kills, 0),
        cut_session(bench, delayed, 0, DELAY_TICKS),
    ]
    return Verdict("; ".join(v.measured for v in verdicts), all(v.holds for v in verdicts))


def cut_session(bench: Bench, cuts: int, kills: int, delay_ticks: int) -> Verdict:
    """Drive coded actions until both legs were cut as often as planned, and an episode beyond.

    Args:
        bench: says how far it is.
        cuts: to make, half of them on either leg.
        kills: of the relay, spread over the session.
        delay_ticks: the k of mode `fixed_delay`; 0 for mode `latest`.
    """
    plan = CutPlan(cuts)
    with relayed(bench.seed, plan) as way, ThreadPoolExecutor(1) as killer:
        draws = seeded(bench.seed, "kills")
        killed: list[Future[None]] = []

        def on_cuts(made: int) -> None:
            if len(killed) < kills and made >= cuts * (len(killed) + 1) / (kills + 1):
                waits = draws.uniform(0.0, SOON_S), draws.uniform(0.0, DOWN_S)
                killed.append(killer.submit(way.relay.kill_and_restart, bench.clock, *waits))

        with contextlib.closing(connect(way.uri, delay_ticks, way.token)) as env:
            steps = drive(env, way, plan, bench, on_cuts)
        for kill in killed:
            kill.result()
        return judge(steps, way.learners.counts(), way.actors.counts(), plan, len(killed), kills,
                     delay_ticks)  # fmt: skip


class Relay:
    """A relay that can be killed, and is at the same port afterwards. A context manager."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port: int = server.getsockname()[1]
        self.park_token = secrets.token_urlsafe(32)
        self._program = self._start()

    def kill_and_restart(self, clock: Clock, soon_s: float, down_s: float) -> None:
        """Kill it in a moment, and start it again after another one."""
        clock.sleep_until(clock.now() + soon_s)
        self._program.kill()
        self._program.close()
        clock.sleep_until(clock.now() + down_s)
        self._program = self._start()

    def _start(self) -> Program:
        return Program(
            *("relay", "--listen", f"127.0.0.1:{self.port}", "--log-level", "error"),
            ready="Relaying on ",
            variables={"AC_BRIDGE_RELAY_PARK_TOKEN": self.park_token},
        )

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.close()


class Way:
    """From a learner through a relay to an actor, over two links that are cut.

    Attributes:
        relay: in the middle.
        learners: the link from learners to it.
        actors: the link from the actor to it.
        uri: what a learner dials.
        token: that it shows.
    """

    def __init__(self, relay: Relay, learners: ProxyLink, actors: ProxyLink, token: str) -> None:
        self.relay, self.learners, self.actors = relay, learners, actors
        self.uri = f"{learners.uri}/actors/{NAME}"
        self.token = token

    def counts(self) -> dict[str, int]:
        """Return the counts of both links together."""
        return Counter(self.learners.counts()) + Counter(self.actors.counts())


@contextlib.contextmanager
def relayed(seed: int, plan: CutPlan) -> Iterator[Way]:
    """Run a relay, with an actor that parks at it.

    Args:
        seed: of the cuts.
        plan: how many of them, half on either leg.
    """
    token = secrets.token_urlsafe(32)
    half = plan.count // 2
    with (
        Relay() as relay,
        ProxyLink(
            relay.port,
            quality=QUALITY,
            cuts=CutPlan(plan.count - half, LONGEST_S),
            seed=seed,
        ) as learners,
        ProxyLink(
            relay.port,
            quality=QUALITY,
            cuts=CutPlan(half, ACTORS_LONGEST_S),
            seed=seed + 1,
            requests=Direction.DOWN,
        ) as actors,
        start_actor(
            *(*ACTOR, "--relay", f"{actors.uri}/actors/{NAME}"),
            variables={
                "AC_BRIDGE_DRIVER_TOKEN": token,
                "AC_BRIDGE_RELAY_TOKEN": relay.park_token,
            },
        ),
    ):
        yield Way(relay, learners, actors, token)


def judge(
    steps: list[StepRecord],
    learners: dict[str, int],
    actors: dict[str, int],
    plan: CutPlan,
    kills: int,
    kills_planned: int,
    delay_ticks: int,
) -> Verdict:
    """Say what became of every step.

    Args:
        steps: that were driven.
        learners: counts of the cuts on the learner's leg.
        actors: and on the actor's.
        plan: how many there were to be.
        kills: how often the relay was killed.
        kills_planned: and was to be.
        delay_ticks: of the session.
    """
    found = losses(steps, delayed=delay_ticks > 0)
    cuts = learners["cuts"] + actors["cuts"]
    hit = ", ".join(f"{learners[place] + actors[place]} {what}" for place, what in PLACES)
    opening = Place.OPENING.value
    killed = f"; the relay killed and started again {kills} x" if kills else ""
    measured = (
        f"{mode_of(delay_ticks)}: {cuts} cuts ({learners['cuts']} of the learner's leg, "
        f"{actors['cuts']} of the actor's; {hit}, {learners[opening]} while connecting again, "
        f"{actors[opening]} of the connection that waits for the next learner; "
        f"{learners['abrupt'] + actors['abrupt']} by a reset){killed}; in "
        f"{driven(steps, delay_ticks)}: {found}"
    )
    holds = found == Losses() and cuts >= plan.count and kills == kills_planned
    return Verdict(measured, holds)
