"""`TelemetryFrame`: everything the game tells about one moment, typed, with units.

Each field names its source in the game's pages (`physics.speedKmh`); the actor decodes from these
names, the documentation is generated from them, so there is one table. Meaning, units and signs
follow Assetto Corsa 1.16.4 as checked against a capture of its pages; where a fact rests on
one third party's notes the description says "unverified".

Axes. World: metres, y up, right-handed. Car: +x left, +y up, +z forward. Wheels: FL, FR, RL, RR.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

from pydantic import Field

from ac_bridge_protocol.wire import (
    BY_VALUE,
    Five,
    Indices,
    Names,
    PerWheel,
    Vec2,
    Vec3,
    Vec3PerWheel,
    WireModel,
)


class GameStatus(enum.IntEnum):
    """What the game is doing, as the graphics page says (a killed game says LIVE for ever)."""

    OFF = 0
    REPLAY = 1
    LIVE = 2
    PAUSE = 3
    UNKNOWN = -1
    """A value that the game does not document: the page holds rubbish, as after a normal exit."""


class GameState(enum.StrEnum):
    """How far the game can be trusted at this moment, by what its pages do, whatever they say."""

    ABSENT = "absent"
    """Nothing publishes the pages, or the last game ended as it should."""
    WAITING = "waiting"
    """The pages are there, but no car is driven: loading, a menu, or a replay."""
    LIVE = "live"
    """The physics counter advances: what the frame says is now."""
    PAUSED = "paused"
    """The pause menu, or physics stands still while pictures are still drawn."""
    STALLED = "stalled"
    """Nothing has moved for 50 ms, though the pages say LIVE."""
    LOST = "lost"
    """Nothing has moved for a second: the game hangs or was killed."""
    WRONG_GAME = "wrong_game"
    """Another game publishes under the same names, or a version that is not known."""


class SessionType(enum.IntEnum):
    """The kind of session."""

    UNKNOWN = -1
    PRACTICE = 0
    QUALIFY = 1
    RACE = 2
    HOTLAP = 3
    TIME_ATTACK = 4
    DRIFT = 5
    DRAG = 6


class Flag(enum.IntEnum):
    """The flag shown to the player."""

    UNKNOWN = -1
    NONE = 0
    BLUE = 1
    YELLOW = 2
    BLACK = 3
    WHITE = 4
    CHEQUERED = 5
    PENALTY = 6


def _of(source: str, unit: str, meaning: str, range_: str = "") -> Any:
    """Describe a field. `range_` informs; the wire does not enforce it, the game may exceed it."""
    extra = {"source": source, "unit": unit, "range": range_}
    return Field(description=meaning, json_schema_extra={k: v for k, v in extra.items() if v})


def _road(unit: str, meaning: str) -> Any:
    """Describe a field that follows from the track's own files."""
    extra = {"source": "track", "unit": unit}
    return Field(default=None, description=meaning, json_schema_extra=dict(extra))


class TelemetryFrame(WireModel):
    """One moment of the game. Frozen; compare and keep it freely."""

    # --- When -----------------------------------------------------------------------------------
    seq: int = _of(
        "actor",
        "",
        "Number of this frame in its stream, from 0: steps count from their reset, telemetry from "
        "the actor's start, in lockstep from the reset.",
    )
    t_wall: float = _of("actor", "s", "When it was sampled: Unix time by the actor's clock.")
    dt: float = _of("actor", "s", "Nominal time between frames of this stream.", "> 0")
    dt_actual: float = _of("actor", "s", "Time since the stream's previous frame; 0 for the first.")
    packet_id: int = _of(
        "physics.packetId",
        "steps",
        "Physics steps written since the game was started (3 ms each). Goes back only when a new "
        "game process starts.",
    )
    graphics_packet_id: int = _of(
        "graphics.packetId", "", "Counter of drawn frames; goes up by two for each."
    )

    # --- Controls as the game took them -----------------------------------------------------------
    throttle: float = _of(
        "physics.gas",
        "",
        "Throttle after auto-blip and auto-shift cut; traction control's cuts do not show.",
        "0..1",
    )
    brake: float = _of("physics.brake", "", "Brake request after the game's gamma.", "0..1")
    clutch: float = _of(
        "physics.clutch",
        "",
        "Clutch ENGAGEMENT: 1 with the pedal released, 0 with it floored or "
        "with the automatic clutch open.",
        "0..1",
    )
    steer_angle: float = _of(
        "physics.steerAngle",
        "",
        "Fraction of the car's steering lock, NOT an angle; + is right.",
        "-1..1",
    )
    gear: int = _of("physics.gear", "", "Engaged gear: 0 reverse, 1 neutral, 2 first, 3 second ...")
    is_ai_controlled: bool = _of("physics.isAIControlled", "", "The game's own AI drives the car.")

    # --- Motion -----------------------------------------------------------------------------------
    speed_kmh: float = _of(
        "physics.speedKmh", "km/h", "Speed over ground in three dimensions.", ">= 0"
    )
    position: Vec3 = _of("graphics.carCoordinates", "m", "Centre of mass, world axes.")
    velocity: Vec3 = _of("physics.velocity", "m/s", "Of the centre of mass, world axes.")
    local_velocity: Vec3 = _of(
        "physics.localVelocity", "m/s", "Car axes: x (+ left), y (up), z (forward)."
    )
    angular_velocity: Vec3 = _of(
        "physics.localAngularVel", "rad/s", "Car axes: x pitch, y yaw (+ turning left), z roll."
    )
    acc_g: Vec3 = _of(
        "physics.accG",
        "g",
        "Car axes: [0] lateral (+x is left, sign not seen on a live game), "
        "[1] vertical, [2] longitudinal (+ speeding up). Without gravity; one step's difference, "
        "so noisy.",
    )
    yaw: float = _of(
        "physics.heading",
        "rad",
        "0 facing world +z, grows turning RIGHT (clockwise from above).",
        "-pi..pi",
    )
    pitch: float = _of("physics.pitch", "rad", "+ nose up (unverified).")
    roll: float = _of("physics.roll", "rad", "+ left side lower (unverified).")
    cg_height: float = _of("physics.cgHeight", "m", "Centre of mass over the mean contact point.")
    ride_height: Vec2 = _of(
        "physics.rideHeight", "m", "Front, rear; refreshed once a drawn frame (unverified)."
    )

    # --- Engine and drivetrain --------------------------------------------------------------------
    rpm: int = _of("physics.rpms", "rev/min", "Engine speed; may be slightly negative.")
    current_max_rpm: int = _of("physics.currentMaxRpm", "rev/min", "Where the limiter cuts now.")
    fuel: float = _of("physics.fuel", "l", "Fuel in the tank.", ">= 0")
    turbo_boost: float = _of("physics.turboBoost", "bar", "Boost; tiny values mean none.")
    engine_brake: int = _of("physics.engineBrake", "", "Index of the engine brake setting.")
    auto_shifter_on: bool = _of("physics.autoShifterOn", "", "The automatic gearbox is on.")
    pit_limiter_on: bool = _of(
        "physics.pitLimiterOn", "", "The pit limiter is limiting right now (unverified)."
    )
    drs: float = _of("physics.drs", "", "1 with the flap open.", "0..1")
    drs_available: bool = _of("physics.drsAvailable", "", "Inside a zone and allowed.")
    drs_enabled: bool = _of("physics.drsEnabled", "", "Active.")
    kers_charge: float = _of("physics.kersCharge", "", "Level of the battery.", "0..1")
    kers_input: float = _of("physics.kersInput", "", "Deployment.", "0..1")
    kers_current_kj: float = _of("physics.kersCurrentKJ", "kJ", "Energy spent this lap.")
    ers_recovery_level: int = _of("physics.ersRecoveryLevel", "", "Setting; 0 without ERS.")
    ers_power_level: int = _of("physics.ersPowerLevel", "", "Setting; 0 without ERS.")
    ers_heat_charging: bool = _of("physics.ersHeatCharging", "", "Heat goes to the battery.")
    ers_is_charging: bool = _of("physics.ersIsCharging", "", "The battery is charging.")
    p2p_activations: int = _of("physics.P2PActivations", "", "Push-to-pass uses left.")
    p2p_status: int = _of(
        "physics.P2PStatus",
        "",
        "0 none, 1 not available, 2 available, 3 active (unverified).",
        "0..3",
    )

    # --- Wheels and tyres (FL, FR, RL, RR) --------------------------------------------------------
    wheel_slip: PerWheel = _of(
        "physics.wheelSlip",
        "",
        "Combined slip over the slip of peak grip: 1 is the peak (unverified), spins "
        "and locks go far beyond. Neither slip ratio nor slip angle.",
        ">= 0, unbounded",
    )
    wheel_load: PerWheel = _of("physics.wheelLoad", "N", "Vertical load.", ">= 0")
    wheel_pressure: PerWheel = _of("physics.wheelsPressure", "psi", "Hot pressure.")
    wheel_angular_speed: PerWheel = _of(
        "physics.wheelAngularSpeed", "rad/s", "+ rolling forward; small negatives at rest."
    )
    tyre_wear: PerWheel = _of(
        "physics.tyreWear",
        "%",
        "Grip left by wear: 100 is new, and higher is better. Worn out is "
        "70 to 98 by compound, never 0; some compounds rise a little above 100 first.",
    )
    tyre_dirt: PerWheel = _of("physics.tyreDirtyLevel", "", "Dirt on the tyre.", "0..5")
    tyre_core_temp: PerWheel = _of("physics.tyreCoreTemperature", "degC", "Core of the carcass.")
    tyre_temp_inner: PerWheel = _of("physics.tyreTempI", "degC", "Surface towards the car.")
    tyre_temp_middle: PerWheel = _of("physics.tyreTempM", "degC", "Middle of the surface.")
    tyre_temp_outer: PerWheel = _of("physics.tyreTempO", "degC", "Surface away from the car.")
    camber: PerWheel = _of(
        "physics.camberRAD", "rad", "Raw sign, mirrored: negate FR and RR for a common one."
    )
    suspension_travel: PerWheel = _of(
        "physics.suspensionTravel", "m", "Zero depends on the suspension's type: use differences."
    )
    brake_temp: PerWheel = _of(
        "physics.brakeTemp", "degC", "Discs; ambient on cars without brake data."
    )
    tyre_contact_point: Vec3PerWheel = _of("physics.tyreContactPoint", "m", "World axes.")
    tyre_contact_normal: Vec3PerWheel = _of("physics.tyreContactNormal", "", "Of the road, unit.")
    tyre_contact_heading: Vec3PerWheel = _of(
        "physics.tyreContactHeading", "", "At the contact, unit; points BACKWARDS in one sample."
    )
    tyres_out: int = _of(
        "physics.numberOfTyresOut",
        "",
        "Tyres on surface that is not track right now; -1 before the first step.",
        "-1..4",
    )

    # --- Aids and setup ---------------------------------------------------------------------------
    tc: float = _of(
        "physics.tc",
        "",
        "Slip limit of traction control while it is on, else 0: it does not tell "
        "whether it is cutting (unverified).",
    )
    abs: float = _of("physics.abs", "", "Slip limit of ABS while it is on, else 0 (unverified).")
    brake_bias: float = _of("physics.brakeBias", "", "Front share.", "0..1")
    ballast: float = _of("physics.ballast", "kg", "Ballast.")
    final_ff: float = _of("physics.finalFF", "", "Force feedback after gains; clips at 1.")
    performance_meter: float = _of("physics.performanceMeter", "s", "Gap to the own best lap.")

    # --- Damage -----------------------------------------------------------------------------------
    car_damage: Five = _of(
        "physics.carDamage",
        "km/h",
        "Largest closing speed so far: front, rear, left, right, and "
        "the largest of all. Unbounded; 0 with damage off.",
        ">= 0",
    )

    # --- Lap --------------------------------------------------------------------------------------
    completed_laps: int = _of(
        "graphics.completedLaps",
        "laps",
        "In this session; does not change in the same instant as last_time.",
    )
    current_time: int = _of("graphics.iCurrentTime", "ms", "Time in this lap.")
    last_time: int = _of("graphics.iLastTime", "ms", "The previous lap; 0 means none.")
    best_time: int = _of(
        "graphics.iBestTime", "ms", "The best lap; 0 means none. May count cut laps (unverified)."
    )
    current_time_text: str = _of("graphics.currentTime", "", "As shown, m:ss:mmm.")
    last_time_text: str = _of("graphics.lastTime", "", "As shown; -:--:--- means none.")
    best_time_text: str = _of("graphics.bestTime", "", "As shown; without cut laps (unverified).")
    split_text: str = _of("graphics.split", "", "Last split of this lap; a space means none.")
    current_sector_index: int = _of("graphics.currentSectorIndex", "", "Counted from 0.")
    last_sector_time: int = _of("graphics.lastSectorTime", "ms", "The last split.")
    normalized_position: float = _of(
        "graphics.normalizedCarPosition",
        "",
        "Progress along the AI line; -1 after a teleport.",
        "0..1",
    )
    distance_traveled: float = _of(
        "graphics.distanceTraveled", "m", "Since loading; a teleport adds its jump (unverified)."
    )

    # --- Session ----------------------------------------------------------------------------------
    status: Annotated[GameStatus, BY_VALUE] = _of("graphics.status", "", "See GameStatus.")
    state: Annotated[GameState, BY_VALUE] = _of(
        "derived", "", "Whether the frame can be trusted: see GameState."
    )
    session_type: Annotated[SessionType, BY_VALUE] = _of("graphics.session", "", "See SessionType.")
    session_time_left: float | None = _of(
        "graphics.sessionTimeLeft",
        "ms",
        "Runs negative in a lap race; None where the page says infinity.",
    )
    time_limit_session_left: int = _of(
        "graphics.timeLimitSessionLeft", "", "-1 when there is no timed test (unverified)."
    )
    number_of_laps: int = _of("graphics.numberOfLaps", "laps", "Of the race; 0 in a timed session.")
    race_position: int = _of("graphics.position", "", "Rank, from 1.")
    flag: Annotated[Flag, BY_VALUE] = _of("graphics.flag", "", "See Flag.")
    penalty_time: float = _of("graphics.penaltyTime", "s", "Penalty.")
    is_in_pit: bool = _of("graphics.isInPit", "", "Standing in the own pit BOX.")
    is_in_pit_lane: bool = _of("graphics.isInPitLane", "", "In the pit lane.")
    mandatory_pit_done: bool = _of("graphics.mandatoryPitDone", "", "The mandatory stop was made.")
    ideal_line_on: bool = _of("graphics.idealLineOn", "", "The ideal line is shown.")
    is_esc_menu_visible: bool = _of(
        "graphics.isEscMenuVisible", "", "The escape menu is open (unverified)."
    )
    tyre_compound: str = _of("graphics.tyreCompound", "", "Such as 'Semislicks (SM)'.")
    replay_time_multiplier: float = _of(
        "graphics.replayTimeMultiplier", "", "1 when not replaying."
    )

    # --- Weather ----------------------------------------------------------------------------------
    surface_grip: float = _of("graphics.surfaceGrip", "", "Grip of the whole track.", "0.85..1")
    air_temp: float = _of("physics.airTemp", "degC", "Air.")
    road_temp: float = _of("physics.roadTemp", "degC", "Road.")
    air_density: float = _of("physics.airDensity", "kg/m3", "Air.")
    wind_speed: float = _of("graphics.windSpeed", "km/h", "Wind.")
    wind_direction: float = _of("graphics.windDirection", "deg", "Wind.", "0..359")

    # --- Derived by the actor (telemetry.derived) -------------------------------------------------
    is_valid_lap: bool = _of(
        "derived",
        "",
        "No cut since this lap began: never more than two tyres out at once. The "
        "game publishes no such field.",
    )
    avg_wheel_slip: float = _of("derived", "", "Mean of wheel_slip.", ">= 0")
    locked_wheels: Indices = _of(
        "derived",
        "",
        "Indices of wheels that stand, or nearly, while the car moves.",
        "0..3",
    )
    wheel_lock_detected: bool = _of("derived", "", "locked_wheels is not empty.")
    bodywork_damaged: bool = _of("derived", "", "An impact left a mark: see DAMAGED_KMH.")
    bodywork_critical: bool = _of("derived", "", "An impact wrecked the car: see WRECKED_KMH.")
    tyre_damaged: bool = _of("derived", "", "A tyre is worn: see WORN_PERCENT.")
    tyre_critical: bool = _of("derived", "", "A tyre is worn out: see WORN_OUT_PERCENT.")
    torn_reads: int = _of(
        "derived",
        "",
        "Copies of the pages thrown away so far because the game wrote while they were read.",
        ">= 0",
    )
    nonfinite: Names = _of(
        "derived",
        "",
        "Fields that the page held as NaN or infinity, given here as 0. Nearly "
        "always empty; a page after the game's exit holds rubbish.",
    )

    # --- Where the car is on its track, from the game's own files; None where none were read ------
    track_distance: float | None = _road(
        "m", "Along the track's racing line, from its first point; scaled to the page's length."
    )
    line_offset: float | None = _road("m", "From the racing line to the car, + left of it.")
    line_heading_error: float | None = _road(
        "rad", "The car's heading less the line's, -pi..pi; + points right of it."
    )
    line_curvature: float | None = _road(
        "1/m", "Of the racing line beside the car, + to the right."
    )
    centre_offset: float | None = _road(
        "m", "From the middle between the borders to the car, + left of it."
    )
    left_edge: float | None = _road(
        "m", "From the car to the left border, across the line; negative beyond it."
    )
    right_edge: float | None = _road(
        "m", "From the car to the right border, across the line; negative beyond it."
    )


ROAD_FIELDS = (
    "track_distance",
    "line_offset",
    "line_heading_error",
    "line_curvature",
    "centre_offset",
    "left_edge",
    "right_edge",
)
"""The fields that follow from the track's files: numbers all of them, or all None."""


class GameStatics(WireModel):
    """What does not change while one game process drives one car: the static page."""

    sm_version: str = _of("static.smVersion", "", "Layout version; 1.7 for Assetto Corsa 1.16.")
    ac_version: str = _of("static.acVersion", "", "Such as 1.16.4.")
    number_of_sessions: int = _of("static.numberOfSessions", "", "Sessions of the event.")
    num_cars: int = _of("static.numCars", "", "Cars, the player's included.")
    car_model: str = _of("static.carModel", "", "Folder name below content/cars.")
    track: str = _of("static.track", "", "Folder name below content/tracks.")
    track_configuration: str = _of("static.trackConfiguration", "", "Layout folder; empty if none.")
    track_length_m: float = _of("static.trackSPlineLength", "m", "Length of the AI line.")
    car_skin: str = _of("static.carSkin", "", "Skin.")
    player_name: str = _of("static.playerName", "", "First name.")
    player_surname: str = _of("static.playerSurname", "", "Surname.")
    player_nick: str = _of("static.playerNick", "", "Nickname.")
    sector_count: int = _of("static.sectorCount", "", "Sectors of a lap.")
    max_torque: float = _of("static.maxTorque", "N m", "Of the engine.")
    max_power: float = _of("static.maxPower", "W", "Of the engine.")
    max_rpm: int = _of("static.maxRpm", "rev/min", "Of the engine.")
    max_fuel: float = _of("static.maxFuel", "l", "Size of the tank.")
    max_turbo_boost: float = _of("static.maxTurboBoost", "bar", "Boost.")
    suspension_max_travel: PerWheel = _of(
        "static.suspensionMaxTravel", "m", "0 for wheels that are not on double wishbones."
    )
    tyre_radius: PerWheel = _of("static.tyreRadius", "m", "Unloaded.")
    penalties_enabled: bool = _of("static.penaltiesEnabled", "", "Cuts are punished.")
    aid_fuel_rate: float = _of("static.aidFuelRate", "", "0 off, 1 normal.")
    aid_tyre_rate: float = _of("static.aidTireRate", "", "0 off, 1 normal.")
    aid_mechanical_damage: float = _of("static.aidMechanicalDamage", "", "0 off, 1 normal.")
    aid_allow_tyre_blankets: bool = _of("static.aidAllowTyreBlankets", "", "Tyres start warm.")
    aid_stability: float = _of("static.aidStability", "", "Stability control.", "0..1")
    aid_auto_clutch: bool = _of("static.aidAutoClutch", "", "Automatic clutch.")
    aid_auto_blip: bool = _of("static.aidAutoBlip", "", "Automatic blip.")
    has_drs: bool = _of("static.hasDRS", "", "The car has DRS.")
    has_ers: bool = _of("static.hasERS", "", "The car has ERS.")
    has_kers: bool = _of("static.hasKERS", "", "The car has KERS.")
    kers_max_j: float = _of("static.kersMaxJ", "J", "Energy.")
    ers_max_j: float = _of("static.ersMaxJ", "J", "Energy.")
    engine_brake_settings_count: int = _of("static.engineBrakeSettingsCount", "", "Settings.")
    ers_power_controller_count: int = _of("static.ersPowerControllerCount", "", "Settings.")
    is_timed_race: bool = _of("static.isTimedRace", "", "Online only (unverified).")
    has_extra_lap: bool = _of("static.hasExtraLap", "", "Online only (unverified).")
    reversed_grid_positions: int = _of("static.reversedGridPositions", "", "Online only.")
    pit_window_start: int = _of("static.PitWindowStart", "", "Online only; lap or minute.")
    pit_window_end: int = _of("static.PitWindowEnd", "", "Online only; lap or minute.")
