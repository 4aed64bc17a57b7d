"""The game is paused, hangs, ends, crashes or is started anew under the learner's hands."""

from __future__ import annotations

from collections.abc import Callable

from _faults.row import Bench, Verdict
from _faults.scene import CONTROL_HZ, Scene, drive_off
from ac_bridge_client import RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.messages import Event, EventKind

ACTION = (0.02, 0.6, 0.0)
PATIENCE_STEPS = round(5 * CONTROL_HZ)
"""No state takes longer than a second to be told."""
DRIVING_KMH = 5.0


class Trouble:
    """One thing that happens to the game.

    Args:
        name: of it.
        happen: makes it happen.
        end: what the episode's end reason must be; empty if the episode must go on. Several if
            more than one is right, depending on when the actor looks.
        events: the states that must be told as events, by kind ``game_state``, in this order.
        mend: what a player would do next; never anything to the actor or the environment.
        quick: whether a quick run has it too.
    """

    def __init__(
        self,
        name: str,
        happen: Callable[[Scene], None],
        end: tuple[str, ...],
        events: tuple[str, ...],
        mend: Callable[[Scene], None] = lambda _: None,
        *,
        quick: bool = False,
    ) -> None:
        self.name = name
        self.happen = happen
        self.end = end
        self.events = events
        self.mend = mend
        self.quick = quick


def tell(command: str) -> Callable[[Scene], None]:
    """Return what types a command to the game."""
    return lambda scene: scene.game.tell(command)


TROUBLES = (
    Trouble("paused", tell("pause"), ("game_paused",), ("paused",), tell("resume"), quick=True),
    Trouble("stalled 0.4 s", tell("stall 0.4"), (), ("stalled", "live"), quick=True),
    Trouble("session restarted", tell("relaunch 7"), ("game_restarted", "game_waiting"), ()),
    Trouble("frozen", tell("freeze"), ("game_lost",), ("stalled", "lost"), Scene.new_game),
    Trouble("left", tell("exit"), ("game_waiting", "game_absent"), (), Scene.new_game),
    Trouble("crashed", tell("crash"), ("game_lost",), ("lost",), Scene.new_game, quick=True),
)


def run(bench: Bench) -> Verdict:
    """Meet each trouble in turn, with one actor and one environment for all of them."""
    scene = bench.scene()
    rounds = bench.pick(1, 5)
    troubles = [trouble for trouble in TROUBLES if trouble.quick or not bench.quick]
    complaints: list[str] = []
    states: list[str] = []

    def on_notice(notice: Notice) -> None:
        if isinstance(notice, Event) and notice.kind is EventKind.GAME_STATE and notice.state:
            states.append(notice.state.value)

    with scene.learner(on_notice=on_notice) as env:
        for number in range(rounds * len(troubles)):
            trouble = troubles[number % len(troubles)]
            bench.say(number, rounds * len(troubles), trouble.name)
            drive_off(env, until_kmh=DRIVING_KMH)
            states.clear()
            trouble.happen(scene)
            end, neutral = drive_on(env, scene, go_on=not trouble.end)
            complaints += judge(trouble, end, states, neutral=neutral)
            trouble.mend(scene)
        drive_off(env, until_kmh=DRIVING_KMH)
    if complaints:
        return Verdict("; ".join(complaints[:4]), holds=False)
    names = ", ".join(trouble.name for trouble in troubles)
    return Verdict(
        f"{rounds} x {names}: every one told, ended with its reason and a neutral wheel where it "
        "had to, and driven on from by a reset of the same environment",
        holds=True,
    )


def drive_on(env: RemoteEnv, scene: Scene, *, go_on: bool) -> tuple[str, bool]:
    """Step until the episode ends; return why it did, and whether the wheel is neutral then."""
    for _ in range(round(CONTROL_HZ) if go_on else PATIENCE_STEPS):
        *_, truncated, info = env.step(ACTION)
        if truncated:
            return str(info["end_reason"]), scene.neutral()
    return "", scene.neutral()


def judge(trouble: Trouble, end: str, states: list[str], *, neutral: bool) -> list[str]:
    """Return what was wrong."""
    complaints = []
    if end not in (trouble.end or ("",)):
        complaints.append(f"{trouble.name}: ended with {end or 'nothing'}")
    if neutral is not bool(trouble.end):
        complaints.append(f"{trouble.name}: the wheel was {'' if neutral else 'not '}neutral")
    told = iter(states)
    if not all(state in told for state in trouble.events):  # in this order, others in between
        complaints.append(f"{trouble.name}: told {', '.join(states) or 'nothing'}")
    return complaints
