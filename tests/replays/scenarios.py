"""The scenarios: what learners do, in few steps. What comes of it is written by `write.py`."""

from __future__ import annotations

import hashlib
from typing import Any

from ac_bridge_protocol.codec import JSON, MSGPACK
from replays.script import COAST, DRIVE, SPEC, SPEC_IN_REAL_TIME, Script, scenario

LOCKSTEP = {"lockstep": True}

TOKEN = "driver-token-that-everybody-may-read"  # noqa: S105 -- of a stand-in, in this process
WATCHING = "watching-token-that-everybody-may-read"
KEY = "operators-key"


# --- Lockstep -------------------------------------------------------------------------------------


@scenario(**LOCKSTEP)
def drive(s: Script) -> None:
    """A driver in lockstep: two episodes, a stream, pings, and a good-bye."""
    s.hello(role="driver", mode="lockstep", delay_ticks=0, observation="bridge15", session="")
    s.say("d", "ping", id=1, t_sent=12.5)
    s.say("d", "subscribe", id=1, hz=10.0)
    s.say("d", "reset", id=2, seed=3)
    s.step(3)
    s.step(4, (1.0, 0.0, 0.5), plan=[COAST], tick=None)
    s.say("d", "unsubscribe")
    s.say("d", "release")
    s.say("d", "reset", id=5, seed=None, takeover="")
    s.step(6, (-0.5, 1, 0))
    s.hang_up()
    s.advance(0.5)


@scenario(**LOCKSTEP)
def watch(s: Script) -> None:
    """A spectator hears of all that a driver does, and may not drive."""
    s.hello("w", role="spectator")
    s.say("w", "subscribe", id=1, hz=10.0)
    s.say("w", "reset", id=2)
    s.step(3, link="w")
    s.say("w", "release")
    s.hello()
    s.say("d", "reset", id=1, seed=7)
    s.steps(2)
    s.say("w", "ping", id=9, t_sent=1.0)
    s.say("w", "pong", id=1, t_ping=0.0, t_received=0.0, t_sent=0.0)
    s.say("w", "unsubscribe")
    s.say("d", "release")
    s.advance(2.5)
    s.say("w", "ping", id=10, t_sent=1.0)
    s.hang_up("w")


@scenario(**LOCKSTEP)
def requests(s: Script) -> None:
    """Requests that come again, too late, too early, or ask for what cannot be."""
    s.hello()
    s.step(1)
    s.say("d", "subscribe", id=2, hz=1000.0)
    s.say("d", "reset", id=3, seed=1)
    s.say("d", "reset", id=3, seed=1)
    s.step(4)
    s.step(4)
    s.step(4, COAST)
    s.step(2)
    s.say("d", "reset", id=3)
    s.step(5, (0.0, 2.0, 0.0))
    s.step(5, (0.0, 0.5))
    s.step(6, tick=1)
    s.step(7, plan=[COAST, (0.0, 0.0, -1.0)])
    s.say("d", "hello", client="again")
    s.say("d", "reset", id=2**53 - 2)
    s.step(8)


@scenario((MSGPACK,), **LOCKSTEP)
def not_finite(s: Script) -> None:
    """Numbers that JSON cannot write."""
    s.hello()
    s.say("d", "reset", id=1, seed=1)
    s.step(2, (float("nan"), 0.0, 0.0))
    s.step(3, (0.0, float("inf"), 0.0))
    s.step(4)


@scenario(**LOCKSTEP)
def malformed(s: Script) -> None:
    """Bytes that are no message, in an episode that goes on as if nothing had been."""
    s.hello()
    s.say("d", "reset", id=1, seed=1)
    for rubbish in (b"", b"{", b"[]", b"nul", b"\xc1", b"\x81\xa4type"):
        if s.codec is MSGPACK or rubbish.isascii():
            s.rubbish(rubbish)
    s.rubbish(b"{}", other=True) if s.codec is MSGPACK else s.rubbish(b"\x80", other=True)
    s.rubbish(b" ", times=32 * 1024)
    s.rubbish(b" ", times=64 * 1024 + 1)
    s.plain({"id": 7})
    s.plain({"type": 5, "id": 7})
    s.plain({"type": "warp", "id": 7})
    s.plain({"type": "step", "id": 7})
    s.plain({"type": "step", "id": 7, "action": [0, 0, 0], "boost": 1})
    s.plain({"type": "step", "id": 7, "action": ["a", 0, 0]})
    s.plain({"type": "step", "id": 7, "action": [0.0] * 17})
    s.plain({"type": "step", "id": "7", "action": DRIVE})
    s.plain({"type": "step", "id": -1, "action": DRIVE})
    s.plain({"type": "release", "id": 7, "why": "x" * 1100})
    s.plain({"type": "welcome"})
    s.plain({"type": "subscribe", "id": 7, "hz": 0.0})
    s.step(2)
    s.rubbish(b" ", times=1024 * 1024 + 1)


# --- Coming in ------------------------------------------------------------------------------------


@scenario(lockstep=True, spectators=1)
def handshakes(s: Script) -> None:
    """Hellos that are refused, and what comes in place of one."""
    s.hello("profile", observation="all17")
    s.hello("mode", mode="latest")
    s.hello("delay", delay_ticks=3)
    s.hello("unread", role="owner")
    s.hello("unknown", session="nobody's")
    s.open("early")
    s.step(1, link="early")
    s.open("rubbish")
    s.rubbish(b"{", "rubbish")
    s.open("silent")
    s.advance(5.1)
    s.open("flood")
    s.plain({"type": "ping", "id": 1, "t_sent": 0.0}, "flood", messages=2)
    s.hello("seat", role="spectator")
    s.hello("no_seat", role="spectator")
    s.say("seat", "subscribe", id=1, hz=10.0)
    s.plain({"type": "unsubscribe"}, "seat", messages=101)
    s.advance(2.0)


@scenario(**LOCKSTEP)
def crowd(s: Script) -> None:
    """More drivers than may wait for the car."""
    for number in range(9):
        s.hello(f"d{number}")


@scenario((JSON,), driver_token=TOKEN, spectator_token=WATCHING, connections=2, per_address=1)
def doors(s: Script) -> None:
    """Requests that are answered before there is a WebSocket."""

    def bearer(token: str) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Bearer {token}"),)

    s.open("health", path="/healthz", websocket=False)
    s.open("path", path="/actors/my-pc?x=1")
    s.open("page", websocket=False)
    s.open("origin", headers=(("Origin", "https://evil.example"),))
    s.open("none")
    s.open("wrong", headers=bearer("wrong"))
    s.open("codec", headers=bearer(TOKEN), offers=("ac-bridge.v0+json",))
    s.open("no_codec", headers=bearer(TOKEN), offers=())
    s.raw("rubbish", "hello\r\n\r\n")
    s.raw(
        "twice",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    )
    s.raw("silent")
    s.advance(5.1)
    s.open("d", headers=bearer(TOKEN))
    s.say("d", "hello", client="replays 1")
    s.open("w", headers=bearer(WATCHING), address="192.0.2.1", offers=("x", "ac-bridge.v1+msgpack"))
    s.open("crowd", headers=bearer(TOKEN))
    s.hang_up("d")
    s.open("again", headers=bearer(WATCHING), address="192.0.2.1")
    s.cut("w")
    s.open("w2", headers=bearer(WATCHING), address="192.0.2.1")
    s.say("w2", "hello", client="replays 1")
    for number in range(12):
        s.open(f"guess{number}", headers=bearer(f"guess-{number}"), address="198.51.100.7")
    s.open("w3", headers=bearer(WATCHING), address="192.0.2.2")
    s.say("w3", "hello", client="replays 1", role="spectator")
    s.open("waits", headers=bearer(TOKEN), address="203.0.113.3")
    s.actor("withdraw")
    s.advance(1.5)
    s.open("old", headers=bearer(TOKEN), address="203.0.113.3")


# --- Who has the car ------------------------------------------------------------------------------


@scenario(lockstep=True, grace_s=2.0)
def resume(s: Script) -> None:
    """Links that are lost, and sessions that go on, or do not."""
    s.hello("a")
    s.say("a", "reset", id=1, seed=1)
    s.step(2, link="a")
    s.step(3, link="a")
    s.cut("a")
    s.advance(1.0)
    s.hello("b", session="session-1")
    s.step(3, link="b")
    s.step(4, COAST, link="b")
    s.hello("c", session="session-1")
    s.step(5, link="c")
    s.hello("w", role="spectator")
    s.hello("busy")
    s.cut("c")
    s.say("busy", "reset", id=1)
    s.advance(2.6)
    s.hello("late", session="session-1")
    s.say("late", "reset", id=1, seed=2)
    s.cut("late")
    s.hello("other", session="session-3", mode="lockstep", observation="bridge15")
    s.hang_up("other")
    s.advance(0.5)


@scenario(lockstep=True, takeover_key=KEY)
def takeover(s: Script) -> None:
    """Two drivers and an operator's key."""
    s.hello("a")
    s.hello("b")
    s.hello("c")
    s.say("a", "reset", id=1, seed=1)
    s.say("b", "reset", id=1)
    s.say("c", "reset", id=1, takeover="not-the-key")
    s.say("b", "reset", id=2, seed=1, takeover=KEY)
    s.step(2, link="a")
    s.step(3, link="b")
    s.say("a", "reset", id=3)
    s.say("b", "release")
    s.step(4, link="b")
    s.say("a", "reset", id=4, seed=2)


@scenario(lockstep=False, takeover_key=KEY)
def stopped_by_its_operator(s: Script) -> None:
    """The operator at the gaming PC stops the car, which no key gets before it is let go of."""
    s.hello("a")
    s.advance(1.0)
    s.say("a", "reset", id=1)
    s.advance(1.0)
    s.step(2, link="a")
    s.actor("stop_car")
    s.actor("stop_car")
    s.advance(0.1)
    s.step(3, link="a")
    s.say("a", "reset", id=4, takeover=KEY)
    s.actor("let_drive")
    s.actor("let_drive")
    s.say("a", "reset", id=5)
    s.advance(1.0)
    s.step(6, link="a")
    s.advance(0.2)


@scenario(**LOCKSTEP)
def no_key(s: Script) -> None:
    """A takeover where there is no operator's key; and the actor is stopped."""
    s.hello("a")
    s.hello("b")
    s.say("a", "reset", id=1, seed=1)
    s.say("b", "reset", id=1, takeover=KEY)
    s.actor("stop")
    s.open("health", path="/healthz", websocket=False)


# --- Real time ------------------------------------------------------------------------------------


@scenario(lockstep=False)
def latest(s: Script) -> None:
    """Real time: everything that may come during a reset or a step; late, held, eased."""
    s.hello(mode="latest")
    s.say("d", "subscribe", id=0, hz=0.75)
    s.say("d", "unsubscribe")
    s.say("d", "pong", id=0, t_ping=0.0, t_received=0.0, t_sent=0.0)
    s.say("d", "release")
    s.say("d", "subscribe", id=1, hz=0.75)
    s.advance(0.5)
    s.say("d", "reset", id=2)
    s.say("d", "ping", id=1, t_sent=0.5)
    s.say("d", "pong", id=1, t_ping=0.0, t_received=0.0, t_sent=0.0)
    s.say("d", "reset", id=2)
    s.say("d", "unsubscribe")
    s.say("d", "subscribe", id=3, hz=0.75)
    s.say("d", "subscribe", id=4, hz=-1.0)
    s.step(4)
    s.advance(2.5)
    s.say("d", "release")
    s.advance(1.5)
    s.say("d", "reset", id=5)
    s.say("d", "release")
    s.say("d", "reset", id=6)
    s.say("d", "reset", id=7)
    s.advance(2.0)
    s.say("d", "pong", id=2, t_ping=0.0, t_received=0.0, t_sent=0.0)
    s.say("d", "ping", id=3, t_sent=0.5)
    s.say("d", "subscribe", id=8, hz=1.0)
    s.step(9)
    s.step(10)
    s.say("d", "ping", id=2, t_sent=0.5)
    s.say("d", "pong", id=3, t_ping=0.0, t_received=0.0, t_sent=0.0)
    s.say("d", "subscribe", id=10, hz=1.0)
    s.say("d", "unsubscribe")
    s.step(9)
    s.advance(0.1)
    s.step(11)
    s.busy(0.0625)
    s.advance(0.1)
    s.advance(0.25)
    s.step(12)
    s.advance(0.1)
    s.step(13)
    s.busy(0.35)
    s.step(14)
    s.advance(0.75)
    s.step(15)
    s.say("d", "reset", id=16)
    s.advance(2.5)
    s.step(17)
    s.say("d", "release")
    s.hang_up()


@scenario(lockstep=False, control_hz=20.0, hold_s=0.3, late_hold_ticks=1, late_brake=0.5)
def fixed_delay(s: Script) -> None:
    """Real time with a delay of two ticks: plans, late actions, a link that is lost meanwhile."""
    s.hello(mode="fixed_delay", delay_ticks=2)
    s.advance(1.0)
    s.say("d", "reset", id=2)
    s.advance(0.125)
    s.step(3, tick=2)
    s.step(5, tick=2)
    s.step(6, tick=3, plan=[(0.5, 0.25, 0.0), COAST])
    s.step(7, tick=4)
    s.advance(0.05)
    s.step(6, tick=3)
    s.advance(0.05)
    s.step(7)
    s.step(8, tick=99)
    s.step(8, tick=99)
    s.advance(0.3)
    s.step(9, tick=5)
    s.step(10, (2.0, 0.0, 0.0), tick=9)
    s.step(11, tick=9)
    s.step(12, tick=10)
    s.cut()
    s.advance(0.05)
    s.hello("e", mode="fixed_delay", delay_ticks=2, session="session-1")
    s.step(11, link="e", tick=9)
    s.step(12, link="e", tick=10)
    s.advance(0.2)
    s.hello("f", mode="fixed_delay", delay_ticks=3, session="session-1")
    s.hello("g", mode="fixed_delay")


@scenario(lockstep=False, control_hz=1.0, hold_s=5.0, late_hold_ticks=100)
def slow_ticks(s: Script) -> None:
    """Steps that are under way for so long that the actor shows that it is still there."""
    s.hello(mode="fixed_delay", delay_ticks=1)
    s.advance(1.0)
    s.say("d", "reset", id=1)
    s.advance(1.5)
    s.step(3, tick=3)
    s.advance(5.0)


@scenario(lockstep=False, takeover_key=KEY)
def takeover_under_way(s: Script) -> None:
    """The car is taken while a step of its driver is under way."""
    s.hello("a")
    s.hello("b")
    s.advance(1.0)
    s.say("a", "reset", id=1)
    s.advance(0.125)
    s.step(2, link="a")
    s.say("b", "reset", id=1, takeover=KEY)
    s.advance(0.125)
    s.say("a", "reset", id=3)
    s.step(2, link="b")
    s.advance(0.1)
    s.hang_up("b")


# --- What happens to the game ---------------------------------------------------------------------


def begin(s: Script, request: int = 1) -> None:
    """Begin an episode in real time, and take a step."""
    s.say("d", "reset", id=request)
    s.advance(1.0)
    s.step(request + 1)
    s.advance(0.1)


@scenario(lockstep=False)
def paused(s: Script) -> None:
    """The game is paused in an episode, and goes on after it."""
    s.hello()
    s.advance(1.0)
    begin(s)
    s.game("pause")
    s.step(3)
    s.advance(0.2)
    s.step(4)
    s.game("resume")
    s.advance(0.2)
    begin(s, 5)
    s.game("stall", 0.3)
    s.step(7)
    s.advance(0.4)


@scenario(lockstep=False)
def crashed(s: Script) -> None:
    """The game is killed: its pages say LIVE for ever, and no reset succeeds."""
    s.hello()
    s.advance(1.0)
    begin(s)
    s.step(3)
    s.game("crash")
    s.advance(0.9)
    s.step(4)
    s.advance(0.15)
    s.step(5)
    s.advance(0.1)
    s.say("d", "reset", id=6)
    s.advance(50.0)
    s.say("d", "release")


@scenario(lockstep=False)
def left(s: Script) -> None:
    """The player leaves the game, and starts it again."""
    s.hello()
    s.advance(1.0)
    begin(s)
    s.step(3)
    s.game("exit")
    s.advance(0.2)
    s.game("relaunch")
    s.advance(1.5)
    begin(s, 4)
    s.game("relaunch")
    s.step(6)
    s.advance(0.5)
    s.step(7)
    s.advance(1.0)


@scenario(lockstep=False)
def vanished(s: Script) -> None:
    """The game's pages are gone, or are another game's."""
    s.hello()
    s.advance(1.0)
    begin(s)
    s.game("vanish")
    s.step(3)
    s.advance(0.2)
    s.game("return")
    s.advance(0.5)
    begin(s, 4)
    s.step(6)
    s.game("other")
    s.advance(0.2)


@scenario(lockstep=False)
def broken_wheel(s: Script) -> None:
    """The wheel takes nothing any more, in an episode and at a reset."""
    s.hello()
    s.advance(1.0)
    begin(s)
    s.wheel("fail")
    s.step(3)
    s.advance(0.2)
    s.say("d", "reset", id=4)
    s.advance(0.5)
    s.wheel("work")
    s.advance(0.2)
    begin(s, 5)
    s.actor("stop")


@scenario(lockstep=True, gears="learner", gearbox="sequential", control_hz=1.0, smoothing="none")
def shifting(s: Script) -> None:
    """A driver who shifts, in a car with a sequential gearbox and a clutch."""
    s.page("static", aidAutoClutch=0)
    s.hello()
    s.say("d", "reset", id=1, seed=5)
    s.step(2, (0.0, 1.0, 0.0, 0.0))
    s.step(3, (0.0, 1.0, 0.0, 1.0))
    s.step(4, (0.0, 0.0, 1.0, -1.0))
    s.step(5, DRIVE)
    s.wheel("nothing")
    s.step(6, (0.0, 0.0, 0.0, 1.0))
    for request in range(7, 9):
        s.step(request, (0.0, 0.0, 0.0, 0.0))


@scenario(lockstep=True)
def every_value(s: Script) -> None:
    """Pages in which nothing is zero: what the stand-in has none of, such as turbo and DRS."""
    s.page(
        "static",
        numberOfSessions=3, numCars=12, carModel="a_car", track="a_track", playerName="Ann",
        playerSurname="Other", playerNick="ann", suspensionMaxTravel=[0.1, 0.125, 0.25, 0.5],
        maxTurboBoost=1.5, aidAllowTyreBlankets=1, aidStability=0.5, hasDRS=1, hasERS=1, hasKERS=1,
        kersMaxJ=1000.0, engineBrakeSettingsCount=8, ersPowerControllerCount=4, ersMaxJ=2000.0,
        trackConfiguration="short", isTimedRace=1, hasExtraLap=1, carSkin="red",
        reversedGridPositions=6, PitWindowStart=10, PitWindowEnd=20,
    )  # fmt: skip
    s.hello()
    s.say("d", "reset", id=1, seed=1)
    s.page(
        "physics",
        abs=0.5, tc=0.25, drs=1.0, ballast=10.0, carDamage=[1.0, 2.0, 30.0, 4.0, 500.0],
        numberOfTyresOut=2, pitLimiterOn=1, kersCharge=0.75, kersInput=0.5, turboBoost=1.25,
        performanceMeter=-0.5, engineBrake=3, ersRecoveryLevel=2, ersPowerLevel=1,
        ersHeatCharging=1, ersIsCharging=1, kersCurrentKJ=100.0, drsAvailable=1, drsEnabled=1,
        isAIControlled=1, tyreDirtyLevel=[0.5, 1.0, 1.5, 2.0], P2PActivations=3, P2PStatus=1,
        airTemp="nan", wheelAngularSpeed=[0.0, 0.0, 1.0, 1.0], tyreWear=[10.0, 91.0, 92.0, 93.0],
        clutch=0.5, speedKmh=100.0,
    )  # fmt: skip
    for number in range(10):
        s.page("graphics", flag=number, session=number - 1)
        s.step(2 + number)
    s.page(
        "graphics",
        completedLaps=2, position=4, iCurrentTime=61_500, iLastTime=91_250, iBestTime=90_125,
        lastTime="1:31:250", bestTime="1:30:125", split="0:30:500", sessionTimeLeft=600.0,
        currentSectorIndex=1, lastSectorTime=30_500, numberOfLaps=10, penaltyTime=5.0,
        idealLineOn=1, isInPitLane=1, mandatoryPitDone=1, isEscMenuVisible=1,
        timeLimitSessionLeft=1,
    )  # fmt: skip
    s.step(12)
    s.page("physics")
    s.page("graphics", status=9)
    s.step(13)
    s.page("graphics")
    s.say("d", "reset", id=14, seed=1)
    s.page("graphics", status=1)
    s.step(15)


@scenario((JSON,), lockstep=False)
def slow_reader(s: Script) -> None:
    """A spectator that stopped reading gets the newest frame, and how many it missed."""
    s.hello("w", role="spectator")
    s.advance(1.0)
    s.reads("w", False)
    s.say("w", "subscribe", id=1, hz=60.0)
    s.advance(0.75)
    s.say("w", "subscribe", id=2, hz=1.0)
    s.reads("w", True)
    s.advance(0.5)
    s.say("w", "unsubscribe")


# --- The track ------------------------------------------------------------------------------------


@scenario(**LOCKSTEP)
def features(s: Script) -> None:
    """An observation that the learner puts together, with the track's shape and what was before."""
    s.hello(
        observation=[
            {"name": "speed"},
            {"name": "line_offset", "ticks_ago": 1},
            {"name": "curvature_ahead", "options": [{"name": "n", "value": 2}]},
            {
                "name": "border_rays",
                "options": [{"name": "n", "value": 3}, {"name": "range_m", "value": 50.0}],
            },
            {"name": "sent", "options": [], "ticks_ago": 2},
            {"name": "speed"},
        ]
    )
    s.say("d", "reset", id=1, seed=1)
    s.steps(2, 3, 4)
    wrong: list[list[dict[str, Any]]] = [
        [{"name": "wings"}],
        [{"name": "speed", "options": [{"name": "n", "value": 2}]}],
        [{"name": "border_rays", "options": [{"name": "n", "value": 2.5}]}],
        [{"name": "border_rays", "options": [{"name": "range_m", "value": 1e9}]}],
        [{"name": "path_ahead", "options": [{"name": "n", "value": 128}], "ticks_ago": 17}],
        [{"name": "path_ahead", "options": [{"name": "n", "value": n}]} for n in range(2, 12)],
        [{"name": "Speed"}],
        [],
    ]
    for number, observation in enumerate(wrong):
        s.hello(f"wrong{number}", observation=observation)


@scenario(lockstep=True, takeover_key=KEY)
def starts(s: Script) -> None:
    """Where an episode begins; what cannot be is refused before anybody loses the car."""
    s.hello("a")
    s.say("a", "reset", id=1, seed=1, start={"at": "distance", "distance_m": 600.0})
    s.step(2, link="a")
    for request, at in enumerate(("line", "pit", "random"), 3):
        s.say("a", "reset", id=request, seed=1, start={"at": at, "distance_m": None})
    s.hello("b")
    s.say("b", "reset", id=1, takeover=KEY, start={"at": "distance", "distance_m": 99_999.0})
    s.step(6, link="a")
    s.say("a", "reset", id=7, start={"at": "distance"})
    s.say("a", "reset", id=7, start={"at": "moon"})
    s.say("a", "reset", id=7)


@scenario(lockstep=False)
def start_in_real_time(s: Script) -> None:
    """A start in real time."""
    s.hello(mode="latest")
    s.say("d", "reset", id=1, seed=2, start={"at": "random"})
    s.advance(8.0)
    s.step(2)
    s.advance(0.3)


# --- A policy on the actor ------------------------------------------------------------------------

THREE_STEPS = {"name": "step_limit", "constants": [{"name": "steps", "value": 3.0}]}
SHORT = {
    "name": "progress",
    "constants": [{"name": "along", "value": "page"}, {"name": "damage_cost", "value": 1.0}],
    "rules": [THREE_STEPS],
}


@scenario(lockstep=True, spool_records=10)
def teach(s: Script) -> None:
    """A learner whose policy acts on the actor: pushed, driven with, rolled back, recorded."""
    s.hello(role="learner")
    s.say("d", "subscribe", id=1, hz=10.0)
    s.push(2, {"action": [0.0, 0.5, 0.0]}, swap="episode")
    terms = {"run": "a.1", "task": SHORT, "episodes": 2, "seed": 7, "noise_seed": 8}
    s.say("d", "run_start", terms=terms)
    s.say("d", "run_start", terms=terms | {"run": "b", "task": SHORT | {"name": "fly"}})
    s.say("d", "acknowledge", spool="0" * 32, upto=6, room_upto=5000)
    s.say("d", "acknowledge", spool="0" * 32, upto=60)
    s.push(3, {"action": [0.0, 0.25, 0.0], "ticks": 2}, swap="tick")
    longer = {"seconds": 60.0, "failures": 2, "frames": True, "starts": [{"at": "line"}]}
    s.say("d", "run_start", terms=terms | {"run": "c", "episodes": 4} | longer)
    s.say("d", "run_stop", why="That will do.")
    s.say("d", "run_stop")
    s.say("d", "ping", id=4, t_sent=1.0)
    s.advance(2.5)
    s.say("d", "pong", id=1, t_ping=0.0, t_received=0.0, t_sent=0.0)
    s.say("d", "unsubscribe")
    s.step(9)
    s.hello("second", role="learner")


@scenario(lockstep=True, spool_records=20)
def policies(s: Script) -> None:
    """Policies that are refused, each for its reason, and one that comes in two links."""
    s.hello(role="learner")
    s.push(5, {"action": [0.0, 0.5, 0.0]})
    s.push(5, {"action": [0.0, 0.5, 0.0]})
    s.push(5, {"action": [0.0, 0.6, 0.0]})
    for number, reason in enumerate(
        ("not_onnx", "external_data", "custom_operator", "forbidden_operator", "too_new",
         "wrong_inputs", "wrong_outputs", "not_finite", "too_slow", "failed", "no_runtime"),
        start=6,
    ):  # fmt: skip
        s.push(number, {"refusal": reason})
    s.push(20, {"action": [0, 0, 0]}, sha256="0" * 64)
    s.push(21, {"action": [0, 0, 0]}, size_bytes=3)
    s.push(22, {"action": [0, 0, 0]}, spec="0" * 64)
    half = b'{"action": [0, 1, 0]}'
    offer = {"version": 30, "spec": SPEC, "size_bytes": len(half)}
    offer["sha256"] = hashlib.sha256(half).hexdigest()
    s.say("d", "policy_offer", **offer)
    s.chunk(30, half[:9])
    s.chunk(30, half[12:], offset=12)
    s.cut()
    s.hello("again", role="learner")
    s.say("again", "policy_offer", **offer)
    s.chunk(30, half[9:], offset=9, link="again")


@scenario(lockstep=False, spool_records=20)
def teach_in_real_time(s: Script) -> None:
    """The same at the game's own pace; the learner goes, and what came meanwhile waits."""
    s.hello(role="learner")
    s.push(1, {"action": [0.0, 0.5, 0.0]}, spec=SPEC_IN_REAL_TIME)
    s.say("d", "run_start", terms={"run": "r", "task": SHORT})
    s.advance(1.0)
    s.cut()
    s.advance(1.0)
    s.hello("again", role="learner")
    s.say("again", "run_stop")


@scenario(lockstep=False, spool_records=200, takeover_key=KEY)
def run_ends(s: Script) -> None:
    """Runs that are over, each for another reason."""
    s.hello(role="learner")
    s.hello("o")
    in_real_time = {"spec": SPEC_IN_REAL_TIME, "swap": "tick"}
    terms = {"run": "a", "task": SHORT, "failures": 1}
    s.push(1, {"action": [0.0, 0.5, 0.0], "ticks": 2}, **in_real_time)
    s.say("d", "run_start", terms=terms)
    s.advance(2.0)
    s.push(2, {"action": [0.0, 0.5, 0.0]}, **in_real_time)
    s.say("d", "run_start", terms=terms | {"run": "b"})
    s.advance(0.7)
    s.push(3, {"action": [0.0, 0.25, 0.0], "ticks": 2}, **in_real_time)
    s.advance(1.0)
    s.say("d", "run_start", terms=terms | {"run": "c"})
    s.advance(0.4)
    s.say("d", "run_start", terms=terms | {"run": "d", "seconds": 1.0})
    s.advance(1.5)
    s.say("d", "run_start", terms=terms | {"run": "e"})
    s.advance(0.7)
    s.say("o", "reset", id=1, takeover=KEY)
    s.advance(0.5)
    s.say("d", "run_start", terms=terms | {"run": "f"})
    s.say("o", "release")
    s.say("d", "run_start", terms=terms | {"run": "g"})
    s.advance(0.7)
    s.actor("stop_car")
    s.advance(0.5)
    s.say("d", "run_start", terms=terms | {"run": "h"})
    s.say("o", "reset", id=2, takeover=KEY)
    s.actor("let_drive")
    s.advance(0.5)
    s.say("d", "run_start", terms=terms | {"run": "i"})
    s.advance(0.7)
    s.actor("stop")
