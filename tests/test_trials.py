"""Trying a machine out: what each fault of a wheel is called, and what is measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from ac_bridge.control.gears import ShiftPlan
from ac_bridge.game import NEUTRAL, Controls, ControlSink, RecordingWheel
from ac_bridge.standin import StandinGame
from ac_bridge.standin.wheel import LINEAR, InputSettings
from ac_bridge.trials.bench import Bench, Look
from ac_bridge.trials.controls import ControlTrial
from ac_bridge.trials.responses import Response, Seen, Verdict, judge_axis, linear
from ac_bridge.trials.smoke import Rate, SmokeReport, SmokeTest, problems_of
from ac_bridge.trials.watching import Watch
from ac_bridge_protocol.errors import GameAbsentError, GameError
from ac_bridge_protocol.frame import GameState

LOADED_S = 1.5
"""The stand-in shows its session screen by then."""
AT = (0.25, 0.5, 0.75, 1.0)
REST = Seen(0.0, 0.0, 0.0, 1.0)
SHIFTS = ShiftPlan()


class MiswiredWheel(ControlSink):
    """A wheel whose controls were bound by somebody in a hurry."""

    def __init__(self, inner: ControlSink, rewire: Callable[[Controls], Controls]) -> None:
        self._inner = inner
        self._rewire = rewire

    def apply(self, controls: Controls) -> None:
        self._inner.apply(self._rewire(controls))

    def close(self) -> None:
        self._inner.close()


def parked(
    settings: InputSettings = LINEAR,
    *,
    rewire: Callable[[Controls], Controls] = lambda controls: controls,
    driving: bool = True,
    sequential: bool = False,
) -> StandinGame:
    """Return a lockstep stand-in whose car stands at its start, or on the session screen."""
    gearbox = "sequential" if sequential else "automatic"
    game = StandinGame(lockstep=True, settings=settings, gearbox=gearbox)  # type: ignore[arg-type]
    game.clock.sleep_until(LOADED_S)
    if driving:
        game.wheel.apply(Controls(buttons=frozenset({9})))
        game.clock.sleep_until(LOADED_S + 0.1)
        game.wheel.apply(NEUTRAL)
        game.clock.sleep_until(LOADED_S + 0.2)
    game.wheel = MiswiredWheel(game.wheel, rewire)
    return game


def try_all(game: StandinGame) -> dict[str, Response]:
    """Run a whole trial of the wheel."""
    trial = ControlTrial(Bench(game), SHIFTS)
    assert not trial.blind
    return {trying.control: trying.run() for trying in trial.tries()}


# --- Verdicts -------------------------------------------------------------------------------------


def brakes(own: tuple[float, ...], **others: float) -> list[Seen]:
    """Return what a game reports whose brake reads ``own``, with other controls moved as well."""
    return [Seen(0.0, 0.0, value, 1.0)._replace(**others) for value in own]


@pytest.mark.parametrize(
    ("own", "verdict", "said"),
    [
        (tuple(linear("brake", at) for at in AT), Verdict.OK, "dead zone"),
        ((0.0,) * 4, Verdict.NOTHING, "0.00 throughout"),
        (tuple(linear("brake", at) ** 2.4 for at in AT), Verdict.CURVE, "x ** 2.4"),
        ((0.4, 0.98, 1.0, 1.0), Verdict.EARLY, "at 0.5 already"),
        (tuple(0.6 * linear("brake", at) for at in AT), Verdict.SHORT, "0.60"),
        ((0.1, 0.8, 0.82, 1.0), Verdict.CURVE, "neither"),
    ],
)
def test_each_bend_of_an_axis_has_its_name(
    own: tuple[float, ...], verdict: Verdict, said: str
) -> None:
    """A line, a power, an early end, a late one, or nothing at all."""
    response = judge_axis("brake", AT, brakes(own), REST)
    assert response.verdict is verdict
    assert said in response.said
    assert bool(response.hint) == verdict.failed


def test_a_wrong_axis_is_named() -> None:
    """Whether another control moves instead or as well."""
    instead = judge_axis("brake", AT, brakes((0.0,) * 4, throttle=0.5), REST)
    assert (instead.verdict, instead.said) == (Verdict.WRONG, "throttle moved instead")
    both = judge_axis("brake", AT, brakes(AT, steer=0.5, throttle=0.5), REST)
    assert (both.verdict, both.said) == (Verdict.WRONG, "steer and throttle moved as well")


def test_an_inverted_axis_is_told_from_one_that_does_not_rest() -> None:
    """A pedal that goes down when pressed, and one that reads half when it is not."""
    upside_down = judge_axis(
        "brake", AT, brakes(tuple(1 - at for at in AT)), REST._replace(brake=1.0)
    )
    assert upside_down.verdict is Verdict.INVERTED
    half = judge_axis(
        "brake", AT, brakes(tuple(0.5 + at / 2 for at in AT)), REST._replace(brake=0.5)
    )
    assert half.verdict is Verdict.RESTS
    assert "0.50" in half.said
    steer = [Seen(-at, 0.0, 0.0, 1.0) for at in (-0.5, 0.5, 1.0)]
    assert judge_axis("steer", (-0.5, 0.5, 1.0), steer, REST).verdict is Verdict.INVERTED


def test_the_automatic_clutch_hides_the_pedal_and_is_no_wrong_axis() -> None:
    """It is open while the car stands, and closes when the throttle revs the engine."""
    hidden = judge_axis("clutch", AT, [REST] * 4, REST)
    assert hidden.verdict is Verdict.UNSEEN
    assert not hidden.verdict.failed
    revved = [Seen(0.0, linear("throttle", at), 0.0, 0.0) for at in AT]
    assert judge_axis("throttle", AT, revved, REST).verdict is Verdict.OK


# --- The trial of a wheel -------------------------------------------------------------------------


def test_a_sound_wheel_passes() -> None:
    """Each axis linear, each shift seen, and the car where it was, in the gear that it was in."""
    with parked(sequential=True) as game:
        before = Bench(game).require_standing()
        responses = try_all(game)
        after = Bench(game).require_standing()
    verdicts = {name: response.verdict for name, response in responses.items()}
    assert verdicts.pop("clutch") is Verdict.UNSEEN
    assert list(verdicts) == ["steer", "brake", "throttle", "shift down", "shift up"]
    assert set(verdicts.values()) == {Verdict.OK}
    assert after.gear == before.gear
    assert after.position == pytest.approx(before.position, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "axis", "verdict", "said", "hint"),
    [
        (InputSettings(brake_gamma=2.4), "brake", Verdict.CURVE, "x ** 2.4", "[BRAKES] GAMMA=1"),
        (InputSettings(steer_gamma=1.5), "steer", Verdict.CURVE, "x ** 1.5", "STEER_GAMMA=1"),
        (InputSettings(steer_scale=2.0), "steer", Verdict.EARLY, "at -0.5", "LOCK"),
        (InputSettings(steer_scale=0.7), "steer", Verdict.SHORT, "0.70", "SCALE=1"),
        (InputSettings(steer_filter=0.9), "steer", Verdict.OK, "linear", ""),
    ],
)
def test_the_games_own_settings_are_recognised(
    settings: InputSettings, axis: str, verdict: Verdict, said: str, hint: str
) -> None:
    """By what they do to an axis; a filter only makes it slow, and is waited for."""
    with parked(settings) as game:
        response = try_all(game)[axis]
    assert response.verdict is verdict
    assert said in response.said
    assert hint in response.hint


def test_swapped_pedals_are_recognised() -> None:
    """Also the throttle, whose effect on the brake is hidden while the brake holds the car."""

    def swap(controls: Controls) -> Controls:
        return dataclasses.replace(controls, throttle=controls.brake, brake=controls.throttle)

    with parked(rewire=swap, driving=False) as game:
        responses = try_all(game)
    assert responses["brake"].said == "throttle moved instead"
    assert responses["throttle"].verdict is Verdict.WRONG
    assert responses["throttle"].said == "brake moved instead"


def test_swapped_shift_buttons_are_recognised() -> None:
    """A gear that goes the wrong way is no success."""

    def swap(controls: Controls) -> Controls:
        other = {SHIFTS.up_button: SHIFTS.down_button, SHIFTS.down_button: SHIFTS.up_button}
        return dataclasses.replace(
            controls, buttons=frozenset(other.get(button, button) for button in controls.buttons)
        )

    with parked(rewire=swap, sequential=True) as game:
        responses = try_all(game)
    assert responses["shift down"].verdict is Verdict.WRONG
    assert responses["shift up"].verdict is Verdict.WRONG


def test_a_wheel_that_is_not_bound_says_so_everywhere() -> None:
    """Every axis and button that could be seen."""
    with parked(rewire=lambda _: NEUTRAL, sequential=True) as game:
        responses = try_all(game)
    assert responses.pop("clutch").verdict is Verdict.UNSEEN
    assert {response.verdict for response in responses.values()} == {Verdict.NOTHING}
    assert all("ac-bridge setup" in response.hint for response in responses.values())


def test_the_session_screen_hides_shifts() -> None:
    """The axes are judged there all the same."""
    with parked(driving=False) as game:
        responses = try_all(game)
    assert responses["steer"].verdict is Verdict.OK
    assert responses["shift up"].verdict is Verdict.UNSEEN
    assert "ac-bridge reset" in responses["shift up"].hint


def test_a_paused_game_is_only_moved() -> None:
    """Every control once to its end, with nothing claimed about it; then neutral."""
    with parked() as game:
        wheel = RecordingWheel(game.wheel)
        game.wheel = wheel
        game.pause()
        trial = ControlTrial(Bench(game), SHIFTS, {"restart": 7})
        assert trial.blind == "The game is paused."
        responses = [trying.run() for trying in trial.tries()]
    assert {response.verdict for response in responses} == {Verdict.UNSEEN}
    for axis in ("steer", "throttle", "brake", "clutch"):
        assert max(getattr(state, axis) for state in wheel.states) == 1.0
    pressed = [button for state in wheel.states for button in state.buttons]
    assert sorted(pressed) == [1, 2, 7]
    assert wheel.states[-1] == NEUTRAL


def test_a_car_that_moves_is_not_tried() -> None:
    """Nobody's drive is taken over."""
    with parked() as game:
        game.wheel.apply(Controls(throttle=1.0))
        game.clock.sleep_until(game.clock.now() + 2.0)
        with pytest.raises(GameError, match="The car moves at"):
            ControlTrial(Bench(game), SHIFTS)


def test_a_game_that_stops_ends_the_trial() -> None:
    """With the reason, and not with a verdict about an axis."""
    with parked() as game:
        trial = ControlTrial(Bench(game), SHIFTS)
        game.pause()
        with pytest.raises(GameError, match="paused"):
            trial.tries()[0].run()


# --- Telemetry and control together ---------------------------------------------------------------


def smoke(game: StandinGame) -> SmokeReport:
    """Run a short test."""
    return SmokeTest(Bench(game), telemetry_hz=60.0, control_hz=20.0, seconds=2.0).run()


def test_a_sound_game_passes_the_smoke_test() -> None:
    """The latency is that of the game's steps, the rates are those asked for; neutral at last."""
    with parked() as game:
        wheel = RecordingWheel(game.wheel)
        game.wheel = wheel
        report = smoke(game)
        assert wheel.now == NEUTRAL
    assert report.ok
    assert (len(report.latencies_s), report.unseen) == (10, 0)
    assert 0.0 < report.latency_s(0.5) <= report.latency_s(1.0) <= 0.0061
    assert report.telemetry.achieved_hz == pytest.approx(60.0, rel=0.01)
    assert report.control.achieved_hz == pytest.approx(20.0, rel=0.01)
    assert report.physics.achieved_hz == pytest.approx(333.3, rel=0.01)


def test_a_slow_game_is_measured() -> None:
    """A low-pass on the steering shows as latency."""
    with parked(InputSettings(steer_filter=0.95)) as game:
        report = smoke(game)
    assert report.ok
    assert report.latency_s(0.5) > 0.0075


def test_a_wheel_that_nobody_reads_fails_the_smoke_test() -> None:
    """And the way to mend it is named."""
    with parked(rewire=lambda _: NEUTRAL) as game:
        report = smoke(game)
    (problem,) = report.problems
    assert report.unseen == 10
    assert "ac-bridge setup" in problem.fix


@pytest.mark.parametrize(
    ("spoil", "said"), [(StandinGame.pause, "paused"), (StandinGame.exit, "No game")]
)
def test_no_smoke_without_a_live_game(spoil: Callable[[StandinGame], None], said: str) -> None:
    """The reason is the game's state, with what to do about it."""
    with parked() as game:
        spoil(game)
        game.clock.sleep_until(game.clock.now() + 2.0)
        with pytest.raises(GameError, match=said) as caught:
            smoke(game)
    assert caught.value.hint


GOOD = SmokeReport(
    latencies_s=(0.006,) * 10,
    unseen=0,
    telemetry=Rate(60.0, 59.9),
    control=Rate(10.0, 10.0),
    physics=Rate(333.3, 333.0),
    telemetry_error_s=0.0001,
    control_error_s=0.0001,
    torn_reads=3,
    problems=(),
)
PAUSE = Look(None, GameState.PAUSED, "The game is paused.", "Close the game's menu.")


@pytest.mark.parametrize(
    ("changes", "interrupted", "said"),
    [
        ({}, None, []),
        ({"telemetry": Rate(60.0, 50.0)}, None, ["Only 50.0 telemetry ticks"]),
        ({"control": Rate(10.0, 8.0)}, None, ["Only 8.0 control ticks"]),
        ({"physics": Rate(333.3, 200.0)}, None, ["computed 200 steps"]),
        ({"latencies_s": (0.006,) * 7, "unseen": 3}, None, ["3 of 10 steps"]),
        ({"physics": Rate(333.3, 200.0)}, PAUSE, ["In between: The game is paused."]),
    ],
)
def test_each_problem_is_named(
    changes: dict[str, object], interrupted: Look | None, said: list[str]
) -> None:
    """Physics that stood still in a pause is no problem of its own."""
    report = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]
    problems = problems_of(report, interrupted)
    assert len(problems) == len(said)
    for problem, words in zip(problems, said, strict=True):
        assert words in problem.message
        assert problem.fix


# --- Watching -------------------------------------------------------------------------------------


def test_watching_waits_for_the_game_and_goes_on() -> None:
    """Looks without a frame while it loads, live ones afterwards; frames number from 0."""
    with StandinGame(lockstep=True) as game:
        watch = Watch(game, 10.0)
        looks = list(watch.looks(2.0))
    states = [look.state for look in looks]
    assert len(looks) == 20
    assert states[0] is GameState.ABSENT
    assert states[-1] is GameState.LIVE
    assert looks[0].frame is None
    assert looks[0].hint
    first = next(look.frame for look in looks if look.frame is not None)
    assert (first.seq, first.dt) == (0, 0.1)
    assert watch.live == states.count(GameState.LIVE)
    assert watch.reading().achieved_hz == pytest.approx(10.0)
    watch.require_live()


def test_watching_nothing_is_an_error_with_the_reason() -> None:
    """The way a game that never came ends."""
    with StandinGame(lockstep=True) as game:
        watch = Watch(game, 10.0)
        with pytest.raises(GameError, match="not looked at"):
            watch.require_live()
        list(watch.looks(0.2))
        with pytest.raises(GameAbsentError, match="No game publishes") as caught:
            watch.require_live()
    assert caught.value.hint
