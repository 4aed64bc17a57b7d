"""Settings to a rig: what the actor and the commands that try a machine out have in common."""

from __future__ import annotations

from ac_bridge.control.gears import ShiftPlan
from ac_bridge.control.late import LatePolicy
from ac_bridge.control.reset import ResetPlan
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.games import GameChoice, open_game
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.settings import ActorSettings
from ac_bridge.track.library import check_game_dir


def rig_from(settings: ActorSettings) -> Rig:
    """Open the game that the settings name, with its reader and wheel.

    Raises:
        SettingError: no such game or wheel, a combination that does not go together, or a game_dir
            that is not the game's folder.
        WheelError: the wheel cannot be had.
    """
    check_game_dir(settings.game_dir)
    rig_settings = RigSettings(
        control_hz=settings.control_hz,
        telemetry_hz=settings.telemetry_hz,
        smoothing=smoothing_named(settings.smoothing),
        hold_s=settings.hold_s,
        late=LatePolicy(settings.late_hold_ticks, settings.late_brake),
        reset_plan=ResetPlan(
            restart_button=settings.restart_button,
            start_button=settings.start_button,
            strategy=settings.reset_by,
            shifts=shifts_from(settings),
        ),
        shifted_by=settings.gears,
        shift_plan=shifts_from(settings),
        game_dir=settings.game_dir,
    )
    return Rig(open_game(choice_from(settings)), rig_settings)


def shifts_from(settings: ActorSettings) -> ShiftPlan:
    """Return which buttons shift."""
    return ShiftPlan(settings.shift_up_button, settings.shift_down_button)


def choice_from(settings: ActorSettings) -> GameChoice:
    """Return which game to open, and how."""
    return GameChoice(
        game=settings.game,
        controller=settings.controller,
        device_id=settings.device_id,
        buttons_needed=settings.highest_button,
        wheel_name=settings.wheel_name,
        prefix=settings.page_prefix,
        lockstep=settings.lockstep,
        seed=settings.seed,
        gearbox=settings.gearbox,
        track=settings.track,
    )
