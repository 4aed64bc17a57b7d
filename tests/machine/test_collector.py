"""The garbage collector, kept out of the ticks. For real: it belongs to the whole process."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from ac_bridge.machine.collector import OVERDUE_FULL, PATIENCE, PAUSE_S, GcKeeper


class Node:
    """An object that refers to itself, so that only the collector can end it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    """Whatever a test does, the others find the collector as usual."""
    assert gc.isenabled()
    yield
    gc.enable()
    gc.unfreeze()


def lost() -> weakref.ref[Node]:
    """Return a reference to garbage."""
    return weakref.ref(Node())


def make_young(count: int) -> list[list[int]]:
    """Return objects that count as newly made."""
    return [[] for _ in range(count)]


def test_nothing_is_collected_by_itself() -> None:
    """However many objects are made."""
    with GcKeeper():
        garbage = lost()
        kept = make_young(10 * gc.get_threshold()[0])
        assert garbage() is not None
        assert kept


def test_the_young_are_collected_after_work_when_due() -> None:
    """And not before."""
    with GcKeeper() as keeper:
        garbage = lost()
        keeper.after_work()
        assert garbage() is not None, "too few objects were made for a collection"
        kept = make_young(2 * gc.get_threshold()[0])
        keeper.after_work()
        assert garbage() is None
        assert kept


def test_older_garbage_is_collected_in_its_turn() -> None:
    """What outlived young collections goes with the middle generation."""
    with GcKeeper() as keeper:
        node = Node()
        garbage = weakref.ref(node)
        gc.collect(0)
        del node
        kept = []
        for _ in range(gc.get_threshold()[1] + 2):
            kept.append(make_young(2 * gc.get_threshold()[0]))
            keeper.after_work()
        assert garbage() is None


def test_older_garbage_waits_for_a_pause_but_not_for_ever() -> None:
    """Shortly before a tick only the youngest are collected, unless much too much is due."""
    with GcKeeper() as keeper:
        node = Node()
        garbage = weakref.ref(node)
        gc.collect(0)
        del node
        due = gc.get_threshold()[1] + 1
        for _ in range(due):
            gc.collect(0)
        keeper.after_work(PAUSE_S / 2)
        assert garbage() is not None
        keeper.after_work(PAUSE_S)
        assert garbage() is None

        node = Node()
        garbage = weakref.ref(node)
        gc.collect(0)
        del node
        for _ in range(PATIENCE * due):
            gc.collect(0)
        keeper.after_work(0.0)
        assert garbage() is None


def test_a_drive_without_resets_is_collected_at_last() -> None:
    """Garbage of the oldest generation does not pile up for ever."""
    with GcKeeper() as keeper:
        node = Node()
        garbage = weakref.ref(node)
        gc.collect(0)
        gc.collect(1)
        del node
        for _ in range(OVERDUE_FULL):
            gc.collect(1)
        assert garbage() is not None
        keeper.after_work()
        assert garbage() is None


def test_what_was_there_before_is_left_alone() -> None:
    """Frozen, until the end."""
    before = gc.get_freeze_count()
    with GcKeeper():
        assert gc.get_freeze_count() > before
        assert not gc.isenabled()
    assert gc.get_freeze_count() == before
    assert gc.isenabled()


def test_settings_of_others_are_kept() -> None:
    """A collector that was off stays off, and what was frozen stays frozen."""
    gc.disable()
    gc.freeze()
    with GcKeeper():
        pass
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0
