"""A plausible moment of the game, as a frame, as statics, and as page bytes.

The numbers are those of a real capture (an Abarth 500 at Imola) where it has them, with the car
moved on to 72 km/h so that a forgotten field does not hide behind a zero.
"""

from __future__ import annotations

from typing import Any

from ac_bridge.game import Page, PageSource
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS, STATIC
from ac_bridge_protocol.errors import GameAbsentError
from ac_bridge_protocol.frame import (
    Flag,
    GameState,
    GameStatics,
    GameStatus,
    SessionType,
    TelemetryFrame,
)

_POINTS = ((1.0, 0.0, 2.0), (-1.0, 0.0, 2.0), (1.0, 0.0, -2.0), (-1.0, 0.0, -2.0))

FRAME_VALUES: dict[str, Any] = {
    "seq": 3,
    "t_wall": 1_700_000_000.25,
    "dt": 0.1,
    "dt_actual": 0.1,
    "packet_id": 33_333,
    "graphics_packet_id": 12_001,
    "throttle": 0.5,
    "brake": 0.0,
    "clutch": 1.0,
    "steer_angle": -0.125,
    "gear": 3,
    "is_ai_controlled": False,
    "speed_kmh": 72.0,
    "position": (120.5, 2.25, -340.75),
    "velocity": (3.0, 0.0, 19.75),
    "local_velocity": (0.25, 0.0, 20.0),
    "angular_velocity": (0.0, 0.125, 0.0),
    "acc_g": (0.25, 0.0, 0.125),
    "yaw": 0.375,
    "pitch": 0.0,
    "roll": 0.0,
    "cg_height": 0.53,
    "ride_height": (0.152, 0.195),
    "rpm": 4200,
    "current_max_rpm": 6500,
    "fuel": 30.0,
    "turbo_boost": 0.75,
    "engine_brake": 0,
    "auto_shifter_on": True,
    "pit_limiter_on": False,
    "drs": 0.0,
    "drs_available": False,
    "drs_enabled": False,
    "kers_charge": 0.0,
    "kers_input": 0.0,
    "kers_current_kj": 0.0,
    "ers_recovery_level": 0,
    "ers_power_level": 0,
    "ers_heat_charging": False,
    "ers_is_charging": False,
    "p2p_activations": 0,
    "p2p_status": 0,
    "wheel_slip": (0.25, 0.25, 0.5, 0.5),
    "wheel_load": (3359.0, 3336.0, 2324.0, 2332.0),
    "wheel_pressure": (28.2, 28.1, 25.0, 24.9),
    "wheel_angular_speed": (66.0, 66.0, 67.0, 67.0),
    "tyre_wear": (100.0, 100.0, 100.0, 100.0),
    "tyre_dirt": (1.05, 1.1, 1.15, 1.19),
    "tyre_core_temp": (60.0, 61.0, 62.0, 63.0),
    "tyre_temp_inner": (70.0, 71.0, 72.0, 73.0),
    "tyre_temp_middle": (68.0, 69.0, 70.0, 71.0),
    "tyre_temp_outer": (65.0, 66.0, 67.0, 68.0),
    "camber": (-0.023, 0.021, -0.036, 0.033),
    "suspension_travel": (0.05, 0.05, 0.04, 0.04),
    "brake_temp": (120.0, 121.0, 90.0, 91.0),
    "tyre_contact_point": _POINTS,
    "tyre_contact_normal": ((0.0, 1.0, 0.0),) * 4,
    "tyre_contact_heading": ((0.0, 0.0, -1.0),) * 4,
    "tyres_out": 0,
    "tc": 0.1,
    "abs": 0.11,
    "brake_bias": 0.85,
    "ballast": 0.0,
    "final_ff": 0.25,
    "performance_meter": -0.5,
    "car_damage": (0.0, 0.0, 0.0, 0.0, 0.0),
    "completed_laps": 1,
    "current_time": 43_398,
    "last_time": 103_398,
    "best_time": 103_398,
    "current_time_text": "0:43:398",
    "last_time_text": "1:43:398",
    "best_time_text": "1:43:398",
    "split_text": " ",
    "current_sector_index": 1,
    "last_sector_time": 30_000,
    "normalized_position": 0.25,
    "distance_traveled": 6080.0,
    "status": GameStatus.LIVE,
    "state": GameState.LIVE,
    "session_type": SessionType.PRACTICE,
    "session_time_left": 1_800_000.0,
    "time_limit_session_left": -1,
    "number_of_laps": 0,
    "race_position": 1,
    "flag": Flag.NONE,
    "penalty_time": 0.0,
    "is_in_pit": False,
    "is_in_pit_lane": False,
    "mandatory_pit_done": False,
    "ideal_line_on": True,
    "is_esc_menu_visible": False,
    "tyre_compound": "Semislicks (SM)",
    "replay_time_multiplier": 1.0,
    "surface_grip": 0.9414,
    "air_temp": 12.0,
    "road_temp": 18.0,
    "air_density": 1.243,
    "wind_speed": 10.0,
    "wind_direction": 270.0,
    "is_valid_lap": True,
    "avg_wheel_slip": 0.375,
    "locked_wheels": (),
    "wheel_lock_detected": False,
    "bodywork_damaged": False,
    "bodywork_critical": False,
    "tyre_damaged": False,
    "tyre_critical": False,
    "torn_reads": 0,
    "nonfinite": (),
    "track_distance": 2345.5,
    "line_offset": 0.75,
    "line_heading_error": -0.125,
    "line_curvature": 0.0078125,
    "centre_offset": -1.5,
    "left_edge": 6.5,
    "right_edge": 4.25,
}
"""Every field of `make_frame`'s frame."""

STATICS_VALUES: dict[str, Any] = {
    "sm_version": "1.7",
    "ac_version": "1.16.4",
    "number_of_sessions": 1,
    "num_cars": 8,
    "car_model": "abarth500",
    "track": "imola",
    "track_configuration": "",
    "track_length_m": 4864.107,
    "car_skin": "0_white_scorpion",
    "player_name": "Ada",
    "player_surname": "Lovelace",
    "player_nick": "ada",
    "sector_count": 3,
    "max_torque": 230.0,
    "max_power": 116_529.0,
    "max_rpm": 6500,
    "max_fuel": 35.0,
    "max_turbo_boost": 1.25,
    "suspension_max_travel": (0.0, 0.0, 0.0, 0.0),
    "tyre_radius": (0.3, 0.3, 0.3, 0.3),
    "penalties_enabled": True,
    "aid_fuel_rate": 1.0,
    "aid_tyre_rate": 1.0,
    "aid_mechanical_damage": 1.0,
    "aid_allow_tyre_blankets": False,
    "aid_stability": 0.0,
    "aid_auto_clutch": True,
    "aid_auto_blip": True,
    "has_drs": False,
    "has_ers": False,
    "has_kers": False,
    "kers_max_j": 0.0,
    "ers_max_j": 0.0,
    "engine_brake_settings_count": 0,
    "ers_power_controller_count": 0,
    "is_timed_race": False,
    "has_extra_lap": False,
    "reversed_grid_positions": 0,
    "pit_window_start": 0,
    "pit_window_end": 0,
}
"""Every field of `make_statics`' statics."""


def make_frame(**overrides: Any) -> TelemetryFrame:
    """Return a validated frame of a car at 72 km/h on its second lap, with some fields replaced."""
    return TelemetryFrame(**(FRAME_VALUES | overrides))


def make_statics(**overrides: Any) -> GameStatics:
    """Return validated statics of an Abarth 500 at Imola, with some fields replaced."""
    return GameStatics(**(STATICS_VALUES | overrides))


PHYSICS_VALUES: dict[str, Any] = {
    "packetId": 33_333,
    "gas": 0.5,
    "clutch": 1.0,
    "steerAngle": -0.125,
    "gear": 3,
    "rpms": 4200,
    "speedKmh": 72.0,
    "velocity": (3.0, 0.0, 19.75),
    "localVelocity": (0.25, 0.0, 20.0),
    "wheelSlip": (0.25, 0.25, 0.5, 0.5),
    "wheelAngularSpeed": (66.0, 66.0, 67.0, 67.0),
    "tyreWear": (100.0,) * 4,
    "airTemp": 12.0,
    "fuel": 30.0,
    "currentMaxRpm": 6500,
}
"""What `physics_page` writes; the other fields are zero."""

GRAPHICS_VALUES: dict[str, Any] = {
    "packetId": 12_001,
    "status": 2,
    "currentTime": "0:43:398",
    "completedLaps": 1,
    "position": 1,
    "iCurrentTime": 43_398,
    "iLastTime": 103_398,
    "iBestTime": 103_398,
    "sessionTimeLeft": 1_800_000.0,
    "normalizedCarPosition": 0.25,
    "carCoordinates": (120.5, 2.25, -340.75),
    "tyreCompound": "Semislicks (SM)",
    "surfaceGrip": 0.9375,
    "timeLimitSessionLeft": -1,
}
"""What `graphics_page` writes; the other fields are zero."""

STATIC_VALUES: dict[str, Any] = {
    "smVersion": "1.7",
    "acVersion": "1.16.4",
    "carModel": "abarth500",
    "track": "imola",
    "carSkin": "0_white_scorpion",
    "sectorCount": 3,
    "maxRpm": 6500,
    "tyreRadius": (0.25, 0.25, 0.25, 0.25),
    "trackSPlineLength": 4864.0,
}
"""What `static_page` writes; the other fields are zero."""


def physics_page(**overrides: Any) -> bytes:
    """Return a physics page, with some fields replaced by their page names."""
    return PHYSICS.pack(PHYSICS_VALUES | overrides)


def graphics_page(**overrides: Any) -> bytes:
    """Return a graphics page, with some fields replaced by their page names."""
    return GRAPHICS.pack(GRAPHICS_VALUES | overrides)


def static_page(**overrides: Any) -> bytes:
    """Return a static page, with some fields replaced by their page names."""
    return STATIC.pack(STATIC_VALUES | overrides)


def as_ours(static: bytes) -> bytes:
    """Return a static page, whatever it holds, that says it is Assetto Corsa's."""
    version = STATIC.fields["smVersion"].size_bytes
    return static_page()[:version] + static[version:]


class MemoryPages(PageSource):
    """Pages that a test holds in its hand.

    Args:
        published: bytes by page; a page that is not there is absent.

    Does not model tearing, or bytes that change while they are read.
    """

    def __init__(self, published: dict[Page, bytes] | None = None) -> None:
        self.published = published if published is not None else {}
        self.reads: list[Page] = []
        self.closed = False

    def read(self, page: Page) -> bytes:
        self.reads.append(page)
        if page not in self.published:
            raise GameAbsentError(f"Nothing publishes the {page.label} page.")
        return self.published[page]

    def close(self) -> None:
        self.closed = True


def live_pages() -> MemoryPages:
    """Return a source of all three pages of the plausible moment."""
    return MemoryPages(
        {
            Page.PHYSICS: physics_page(),
            Page.GRAPHICS: graphics_page(),
            Page.STATIC: static_page(),
        }
    )
