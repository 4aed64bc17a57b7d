"""Checks of the game: places, processes, pages and bindings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.game import Page
from ac_bridge.machine.controls_ini import compare
from ac_bridge.machine.findings import Finding, Status
from ac_bridge.machine.game_checks import (
    check_controls,
    check_pages,
    check_places,
    check_running,
    controls_findings,
    watch_pages,
)
from ac_bridge.machine.mapping import VJOY
from ac_bridge.machine.steam import Places
from ac_bridge_protocol.frame import GameStatus
from helpers.frames import MemoryPages, graphics_page, live_pages, physics_page, static_page
from helpers.machine import good_controls, make_documents


class MovingPages(MemoryPages):
    """Pages of a game that goes on: each copy of the physics page is a step further."""

    atomic = True

    def __init__(self) -> None:
        super().__init__(live_pages().published)
        self._packet = 0

    def read(self, page: Page) -> bytes:
        if page is Page.PHYSICS:
            self._packet += 1
            self.published[page] = physics_page(packetId=self._packet)
        return super().read(page)


def watch(pages: MemoryPages, *, running: bool = True) -> Finding:
    return watch_pages(pages, ManualClock(), running=running)


# --- Places and processes -------------------------------------------------------------------------


def test_places_are_shown() -> None:
    """Both are there."""
    game, documents = check_places(Places(Path("g"), Path("d")))
    assert (game.status, documents.status) == (Status.OK, Status.OK)
    assert "acs.exe" in game.message


def test_no_game_is_a_warning_that_mentions_the_stand_in() -> None:
    """Somebody without the game has nothing to mend; documents are not missed then."""
    (finding,) = check_places(Places(None, None))
    assert finding.status is Status.WARNING
    assert "stand-in" in finding.message
    assert "--game-folder" in finding.fix


def test_a_game_that_was_never_started_has_no_documents() -> None:
    """Which is a warning of its own."""
    _, documents = check_places(Places(Path("g"), None))
    assert documents.status is Status.WARNING
    assert "Start the game once" in documents.fix


def test_wrong_folders_are_named() -> None:
    """What was said outright and is not there."""
    wrong = Path("wrong")
    findings = check_places(Places(None, None), game_folder=wrong, documents=wrong)
    assert [finding.status for finding in findings] == [Status.WARNING] * 2


@pytest.mark.parametrize(
    ("running", "status", "said"),
    [
        ([], Status.OK, "not running"),
        (["acs.exe"], Status.OK, "acs.exe is running"),
        (["acs.exe", "acr.exe"], Status.WARNING, "Assetto Corsa Rally"),
    ],
)
def test_running_games_are_named(running: list[str], status: Status, said: str) -> None:
    """Not running is no trouble; another game is."""
    (finding,) = check_running(running)
    assert finding.status is status
    assert said in finding.message


# --- Pages ----------------------------------------------------------------------------------------


def test_no_pages_matter_only_while_the_game_runs() -> None:
    """Without the game that is as it should be."""
    assert watch(MemoryPages(), running=False).status is Status.OK
    finding = watch(MemoryPages(), running=True)
    assert finding.status is Status.WARNING
    assert "The game runs, but" in finding.message


@pytest.mark.parametrize("running", [True, False])
def test_pages_that_go_on_are_live(running: bool) -> None:
    """Whoever publishes them; car and track are shown."""
    finding = watch(MovingPages(), running=running)
    assert finding.status is Status.OK
    assert finding.message.startswith("Live: ")
    assert "imola" in finding.message


def test_pages_that_stand_still_are_paused_or_left_behind() -> None:
    """A paused game is well; a dead game's pages do no harm."""
    pages = live_pages()
    pages.published[Page.GRAPHICS] = graphics_page(status=GameStatus.PAUSE.value)
    assert "not being driven" in watch(pages).message
    assert watch(pages).status is Status.OK
    assert "Left behind" in watch(live_pages(), running=False).message


def test_another_games_pages_are_named() -> None:
    """By the version that they carry."""
    pages = live_pages()
    pages.published[Page.STATIC] = static_page(smVersion="1.9")
    finding = watch(pages)
    assert finding.status is Status.WARNING
    assert "1.9" in finding.message
    assert finding.fix


def test_the_machines_own_pages_can_be_looked_at() -> None:
    """Whatever is there, one finding comes of it."""
    (finding,) = check_pages(ManualClock(), "acpmf_", running=False)
    assert finding.name == "pages"


# --- Bindings -------------------------------------------------------------------------------------


def test_controls_without_a_folder_are_not_looked_at() -> None:
    """That finding was made elsewhere."""
    assert list(check_controls(None, VJOY)) == []


def test_controls_are_read_and_judged(tmp_path: Path) -> None:
    """Missing, made for a keyboard, made by us."""
    documents = make_documents(tmp_path, controls=None)
    path = documents / "cfg/controls.ini"
    (finding,) = check_controls(path, VJOY)
    assert finding.status is Status.WARNING
    assert "does not exist" in finding.message
    path.write_text("[HEADER]\nINPUT_METHOD=X360\n")
    (finding,) = check_controls(path, VJOY)
    assert "X360" in finding.message
    path.write_text(good_controls(VJOY))
    (finding,) = check_controls(path, VJOY)
    assert finding.status is Status.OK


def test_differences_are_one_finding_a_section() -> None:
    """Essential ones are errors where the axis numbers are certain, and warnings elsewhere."""
    text = (
        good_controls(VJOY)
        .replace("STEER_FILTER=0", "STEER_FILTER=0.5")
        .replace("STEER_GAMMA=1", "STEER_GAMMA=2")
        .replace("AXLE=2", "AXLE=4")
    )
    differences = compare(text, VJOY)
    brakes, steer = controls_findings(differences, certain=True)
    assert (brakes.status, steer.status) == (Status.ERROR, Status.WARNING)
    assert "STEER_FILTER is 0.5" in steer.message
    assert "STEER_GAMMA is 2" in steer.message
    assert "ac-bridge setup" in steer.fix
    warned = controls_findings(differences, certain=False)
    assert [finding.status for finding in warned] == [Status.WARNING] * 2
