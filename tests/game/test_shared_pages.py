"""The three pages out of the operating system's shared memory."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.game import Page, PageSource, shared_pages
from ac_bridge.game.regions import Region, create_region
from ac_bridge.game.shared_pages import MIN_BYTES, SharedPages
from ac_bridge_protocol.errors import GameAbsentError, PageError, SettingError
from game.contract import PageSourceContract
from helpers.region_names import FOLDER, new_name
from helpers.torn import patterned


@contextlib.contextmanager
def published(prefix: str, packet_id: int = 1) -> Iterator[dict[Page, Region]]:
    """Publish all three pages for a while."""
    with contextlib.ExitStack() as stack:
        regions = {}
        for page in Page:
            region = stack.enter_context(create_region(prefix + page.label, 4096))
            region.write(0, patterned(page, packet_id))
            regions[page] = region
        yield regions


class TestSharedPages(PageSourceContract):
    """Pages in shared memory keep the contract of their door."""

    @pytest.fixture(autouse=True)
    def published_while_testing(self) -> Iterator[None]:
        """Publish what `make` reads."""
        self.prefix = new_name()
        with published(self.prefix):
            yield

    def make(self) -> PageSource:
        return SharedPages(self.prefix)


def test_pages_are_what_was_written() -> None:
    """Every page is read as it was published, by its own name, and follows later writes."""
    prefix = new_name()
    with published(prefix, 5) as regions, contextlib.closing(SharedPages(prefix)) as pages:
        for page in Page:
            assert pages.read(page) == patterned(page, 5)
        regions[Page.PHYSICS].write(0, patterned(Page.PHYSICS, 6))
        assert pages.read(Page.PHYSICS) == patterned(Page.PHYSICS, 6)
        assert pages.read(Page.GRAPHICS) == patterned(Page.GRAPHICS, 5)
        assert not pages.atomic


def test_absent_names_the_page_and_helps() -> None:
    """Without a game the error says which name was looked for and what to do; nothing appears."""
    with contextlib.closing(SharedPages()) as pages:
        pages.prefix = new_name()
        for page in (*Page, Page.PHYSICS):
            with pytest.raises(GameAbsentError, match=pages.prefix + page.label) as caught:
                pages.read(page)
            assert "Assetto Corsa" in caught.value.hint


def test_opened_when_the_game_comes() -> None:
    """A game that starts later is found by the next read."""
    prefix = new_name()
    with contextlib.closing(SharedPages(prefix)) as pages:
        with pytest.raises(GameAbsentError):
            pages.read(Page.PHYSICS)
        with published(prefix):
            assert pages.read(Page.PHYSICS) == patterned(Page.PHYSICS, 1)


def test_a_game_that_went_is_kept_until_reopened() -> None:
    """The last bytes stay readable; after `reopen` the game is absent, or the new one."""
    prefix = new_name()
    with contextlib.closing(SharedPages(prefix)) as pages:
        with published(prefix, 9):
            before = pages.read(Page.PHYSICS)
        assert pages.read(Page.PHYSICS) == before
        pages.reopen()
        with pytest.raises(GameAbsentError):
            pages.read(Page.PHYSICS)
        with published(prefix, 2):
            assert pages.read(Page.PHYSICS) == patterned(Page.PHYSICS, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="a mapping there outlives its creator")
def test_a_new_file_of_the_old_name_is_seen_after_reopening() -> None:
    """A bridge that makes its files anew is followed by `reopen`, and only by that."""
    prefix = new_name()
    with contextlib.closing(SharedPages(prefix)) as pages:
        with published(prefix, 9):
            pages.read(Page.PHYSICS)
        with published(prefix, 2):
            assert pages.read(Page.PHYSICS) == patterned(Page.PHYSICS, 9)
            pages.reopen()
            assert pages.read(Page.PHYSICS) == patterned(Page.PHYSICS, 2)


def test_closed_is_absent() -> None:
    """A closed source has no game, whatever is published."""
    prefix = new_name()
    with published(prefix):
        pages = SharedPages(prefix)
        pages.read(Page.STATIC)
        pages.close()
        with pytest.raises(GameAbsentError, match="closed"):
            pages.read(Page.STATIC)


@pytest.mark.skipif(sys.platform == "win32", reason="mappings there are whole 4096-byte pages")
def test_documented_sizes_are_enough() -> None:
    """The sizes of the game's documents will do; anything less is refused."""
    prefix = new_name()
    with contextlib.ExitStack() as stack:
        for page, size_bytes in MIN_BYTES.items():
            region = stack.enter_context(create_region(prefix + page.label, size_bytes))
            region.write(0, patterned(page, 3)[:size_bytes])
        pages = stack.enter_context(contextlib.closing(SharedPages(prefix)))
        for page, size_bytes in MIN_BYTES.items():
            whole = patterned(page, 3)[:size_bytes].ljust(page.size_bytes, b"\0")
            assert pages.read(page) == whole


@pytest.mark.skipif(sys.platform == "win32", reason="mappings there are whole 4096-byte pages")
@pytest.mark.parametrize("page", Page)
def test_a_page_that_is_too_small_is_refused(page: Page) -> None:
    """One byte less than the documents promise is an error that names the page."""
    prefix = new_name()
    with (
        create_region(prefix + page.label, MIN_BYTES[page] - 1),
        contextlib.closing(SharedPages(prefix)) as pages,
        pytest.raises(PageError, match=page.label),
    ):
        pages.read(page)


@pytest.mark.parametrize("missing", Page)
def test_all_pages_or_none(missing: Page) -> None:
    """While one page is missing there is no game, and nothing of the others is held on to."""
    prefix = new_name()
    with contextlib.closing(SharedPages(prefix)) as pages:
        with contextlib.ExitStack() as stack:
            for page in Page:
                if page is not missing:
                    stack.enter_context(create_region(prefix + page.label, 4096))
            for page in Page:
                with pytest.raises(GameAbsentError, match=missing.label):
                    pages.read(page)
        with published(prefix, 8):
            assert [pages.read(page) for page in Page] == [patterned(page, 8) for page in Page]


def test_evo_is_recognised_by_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of Assetto Corsa EVO alone are another game's; beside ours they do not matter."""
    prefix, evo = new_name(), new_name() + "static"
    monkeypatch.setattr(shared_pages, "EVO_STATIC", evo)
    with contextlib.closing(SharedPages(prefix)) as pages:
        assert pages.foreign_game() is None
        with create_region(evo, 210):
            assert pages.foreign_game() == "Assetto Corsa EVO"
            with published(prefix):
                assert pages.foreign_game() is None
        assert pages.foreign_game() is None


@pytest.mark.parametrize("prefix", ["", "../../home/x_", "/home/x_", "a b", "x" * 95])
def test_prefixes_that_lead_elsewhere_are_refused(prefix: str) -> None:
    """A prefix that makes no name of every page is named as the setting at once."""
    with pytest.raises(SettingError) as caught:
        SharedPages(prefix)
    assert caught.value.setting == "page_prefix"


@pytest.mark.skipif(sys.platform == "win32", reason="links in /dev/shm")
def test_pages_that_are_links_are_read(tmp_path: Path) -> None:
    """A bridge may keep its pages elsewhere and publish links to them."""
    prefix = new_name()
    with contextlib.ExitStack() as stack:
        for page in Page:
            (tmp_path / page.label).write_bytes(patterned(page, 3))
            link = FOLDER / (prefix + page.label)
            link.symlink_to(tmp_path / page.label)
            stack.callback(link.unlink)
        pages = stack.enter_context(contextlib.closing(SharedPages(prefix)))
        assert [pages.read(page) for page in Page] == [patterned(page, 3) for page in Page]
