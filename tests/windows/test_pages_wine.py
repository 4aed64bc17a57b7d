"""Named mappings between processes of one Windows: `simulate` publishes, readers come and go."""

from __future__ import annotations

import json
import signal

from ac_bridge.cli.simulate import READY
from ac_bridge.standin.process import CRASH_STATUS
from helpers.wine import WindowsPython

TIMEOUT_S = 60

READER = """
import json, sys
from ac_bridge.clock import SystemClock
from ac_bridge.game import Controls, Page
from ac_bridge.game.shared_pages import SharedPages
from ac_bridge.standin.shared import SharedWheel
from ac_bridge.telemetry.layout import LAYOUTS
from ac_bridge_protocol.errors import GameAbsentError, WheelError

clock = SystemClock()
pages = SharedPages()

def absent():
    missing = []
    for page in Page:
        try:
            pages.read(page)
        except GameAbsentError as error:
            missing.append(str(error))
    return missing

def field(page, name):
    return LAYOUTS[page].unpack(pages.read(page))[name]

def packet_id():
    return field(Page.PHYSICS, "packetId")

def until(condition):
    for _ in range(2000):
        if condition():
            return True
        clock.sleep_until(clock.now() + 0.01)
    return False

def tell(**facts):
    print(json.dumps(facts), flush=True)
"""

LOOK_TWICE = """
try:
    SharedWheel()
except WheelError as error:
    wheel = error.message
tell(first=absent(), second=absent(), wheel=wheel)
"""

DRIVE = """
until(lambda: packet_id() > 0)
wheel = SharedWheel()
wheel.apply(Controls(throttle=0.5))
tell(
    sizes=[len(pages.read(page)) for page in Page],
    version=field(Page.STATIC, "smVersion"),
    advances=until(lambda: packet_id() > 20),
    driven=until(lambda: 0.4 < field(Page.PHYSICS, "gas") < 0.6),
)
wheel.close()
"""

SURVIVE = """
until(lambda: packet_id() > 0)
tell(alive=True)
sys.stdin.readline()
before = packet_id()
clock.sleep_until(clock.now() + 0.1)
tell(frozen=packet_id() == before, status=field(Page.GRAPHICS, "status"))
pages.reopen()
tell(absent=absent())
"""


def test_a_reader_never_creates_a_mapping(wpy: WindowsPython) -> None:
    """Without a game every page is absent, by name, however often one looks; so is the wheel."""
    done = wpy("-c", READER + LOOK_TWICE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for missing in (found["first"], found["second"]):
        assert [message.split()[3] for message in missing] == [
            "acpmf_physics:",
            "acpmf_graphics:",
            "acpmf_static:",
        ]
    assert "simulate" in found["wheel"]


def test_one_process_publishes_and_another_drives(wpy: WindowsPython) -> None:
    """Pages go one way and the wheel the other; commands and Ctrl+C are obeyed."""
    with wpy.start("-m", "ac_bridge.cli", "simulate") as game:
        assert game.stdin is not None
        assert game.stdout is not None
        assert game.stdout.readline().startswith(READY)
        done = wpy("-c", READER + DRIVE)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "sizes": [592, 304, 684],
            "version": "1.7",
            "advances": True,
            "driven": True,
        }
        game.stdin.write("tear on\nbogus\n")
        game.stdin.flush()
        assert game.stdout.readline().strip() == "tearing on"
        assert game.stdout.readline().startswith("error: There is no command 'bogus'")
        game.send_signal(signal.SIGINT)
        out, log = game.communicate(timeout=TIMEOUT_S)
    assert game.returncode == 0, log
    assert out.strip() == "ended"


def test_a_killed_game_stays_live_until_let_go(wpy: WindowsPython) -> None:
    """Its pages stand still and say LIVE as long as a reader holds them; then they are gone."""
    with wpy.start("-m", "ac_bridge.cli", "simulate") as game:
        assert game.stdin is not None
        assert game.stdout is not None
        assert game.stdout.readline().startswith(READY)
        with wpy.start("-c", READER + SURVIVE) as reader:
            assert reader.stdout is not None
            assert json.loads(reader.stdout.readline()) == {"alive": True}
            game.stdin.write("crash\n")
            game.stdin.flush()
            assert game.wait(TIMEOUT_S) == CRASH_STATUS
            out, log = reader.communicate("\n", timeout=TIMEOUT_S)
    assert reader.returncode == 0, log
    held, let_go = map(json.loads, out.splitlines())
    assert held == {"frozen": True, "status": 2}
    assert len(let_go["absent"]) == 3


HOLD = """
import sys
from ac_bridge.game.regions import create_region

region = create_region("acbridge_owned", 64)
region.write(0, b"mine")
print("held", flush=True)
sys.stdin.readline()
"""

TAKE = """
from ac_bridge.game.regions import create_region
from ac_bridge_protocol.errors import ACBridgeError

try:
    with create_region("acbridge_owned", 64):
        print("taken")
except ACBridgeError as error:
    print(error.message)
"""


def test_a_region_has_one_living_owner(wpy: WindowsPython) -> None:
    """A second one is refused as long as the first lives, and no longer."""
    with wpy.start("-c", HOLD) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().strip() == "held"
        assert "still runs" in wpy("-c", TAKE, timeout_s=TIMEOUT_S).stdout
        owner.kill()
        owner.wait()
        assert wpy("-c", TAKE, timeout_s=TIMEOUT_S).stdout.strip() == "taken"
