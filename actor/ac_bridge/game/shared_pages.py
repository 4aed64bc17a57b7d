"""The three pages as the operating system's shared memory has them."""

from __future__ import annotations

import contextlib
import sys

from ac_bridge.game.base import Page, PageSource
from ac_bridge.game.regions import Region, check_name, open_region
from ac_bridge_protocol.errors import GameAbsentError, PageError

AC_PREFIX = "acpmf_"
"""What the names of Assetto Corsa's pages begin with. ACC and AC Rally use the same."""
EVO_STATIC = "acevo_pmf_static"
"""The static page of Assetto Corsa EVO, whose pages are laid out differently."""
EVO = "Assetto Corsa EVO"
MIN_BYTES = {Page.PHYSICS: 580, Page.GRAPHICS: 296, Page.STATIC: 684}
"""What the game's documents promise. The few bytes that 1.16 has beyond that read as zeros where
a bridge leaves them out."""
HINT = (
    "Start a drive in Assetto Corsa; the pages appear when its loading screen ends."
    if sys.platform == "win32"
    else "Start a drive in Assetto Corsa, with a bridge that publishes its pages in /dev/shm "
    "(docs/telemetry.md), or `ac-bridge simulate`."
)


class SharedPages(PageSource):
    """The pages of a game in another process.

    All three are opened together when the first is read, or none: pages of a game that is gone
    never mix with another's. They are kept until `reopen`: a new process of the game goes on in
    the old memory as long as somebody holds it. A bridge that removes its files and makes new ones
    is seen after `reopen` only.

    Args:
        prefix: what the names of the pages begin with.

    Raises:
        SettingError: no region's name can begin like that.
    """

    def __init__(self, prefix: str = AC_PREFIX) -> None:
        check_pages(prefix)
        self.prefix = prefix
        self._regions: dict[Page, Region] = {}
        self._closed = False

    def read(self, page: Page) -> bytes:
        """Return one bulk copy of ``page``.

        Raises:
            GameAbsentError: nobody publishes it, or the source is closed.
            PageError: it is too small to be the game's.
        """
        region = self._regions.get(page) or self._open(page)
        return region.read(page.size_bytes)

    def foreign_game(self) -> str | None:
        """Return the name of another game whose pages are there while ours are not, or None."""
        if _exists(self.prefix + Page.PHYSICS.label) or not _exists(EVO_STATIC):
            return None
        return EVO

    def reopen(self) -> None:
        """Let go of every page; the next read looks for it anew."""
        for region in self._regions.values():
            region.close()
        self._regions.clear()

    def close(self) -> None:
        """Let go of the pages. May be called twice."""
        self.reopen()
        self._closed = True

    def _open(self, page: Page) -> Region:
        """Open all three pages, ``page`` first; return its region."""
        if self._closed:
            raise GameAbsentError("The shared pages are closed.")
        with contextlib.ExitStack() as on_error:
            on_error.callback(self.reopen)
            for each in (page, *(other for other in Page if other is not page)):
                self._regions[each] = self._open_one(each)
            on_error.pop_all()
        return self._regions[page]

    def _open_one(self, page: Page) -> Region:
        name = self.prefix + page.label
        try:
            return open_region(name, MIN_BYTES[page])
        except GameAbsentError as error:
            raise GameAbsentError(f"No game publishes {name}: {error.message}", hint=HINT) from None


def check_pages(prefix: str) -> None:
    """Make sure that pages may be called by a prefix.

    Raises:
        SettingError: they may not.
    """
    check_name(prefix, "page_prefix")
    for page in Page:
        check_name(prefix + page.label, "page_prefix")


def _exists(name: str) -> bool:
    try:
        open_region(name, 0).close()
    except GameAbsentError:
        return False
    except PageError:
        return True  # it is there, though not for us
    return True
