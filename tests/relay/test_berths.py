"""Who is parked under which name, and who waits for whom."""

from __future__ import annotations

import pytest

from ac_bridge.relay import berths as limits
from ac_bridge.relay.berths import Berths, Learner, Leg, Stage, some
from ac_bridge_protocol.errors import ErrorCode, RefusedError
from ac_bridge_protocol.limits import HANDSHAKE_TIMEOUT_S
from ac_bridge_protocol.relay import (
    LEARNER_WAIT_S,
    PARK_SILENCE_S,
    REMEMBER_S,
    TAKEN_S,
    Park,
)

DRIVER, SPECTATOR, OTHER = "d" * 64, "a" * 64, "0" * 64
NOW_S = 100.0


class _Line:
    """A connection that only remembers that it was ended."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def close(self, code: int, reason: str) -> None:
        self.said.append(f"{code} {reason}")

    def abort(self) -> None:
        self.said.append("abort")


def _always(owner: str, name: str) -> bool:
    return True


def _park(process: str = "process-1", drivers: tuple[str, ...] = (DRIVER,)) -> Park:
    return Park(process=process, software="test 1", drivers=drivers, spectators=(SPECTATOR,))


def _parked(
    berths: Berths, name: str = "pc", process: str = "process-1", now_s: float = NOW_S
) -> Leg:
    leg = berths.came(name, "owner", _Line(), now_s)
    assert berths.park(leg, _park(process), now_s, _always) == []
    return leg


def _learner(name: str = "pc", digest: str = DRIVER) -> Learner:
    return Learner(name, digest, "ac-bridge.v1+json", "1.2.3.4:5", _fail, _fail)


def _fail(*_: object) -> None:
    raise AssertionError("berths only decide")


def test_learner_gets_a_parked_leg() -> None:
    """A learner and a spare leg make a pair; once it is taken, they are joined."""
    berths = Berths()
    leg, learner = _parked(berths), _learner()
    berths.wait(learner, NOW_S)
    assert berths.match("pc", NOW_S) == (leg, learner)
    assert berths.match("pc", NOW_S) is None
    assert learner.paired().digest == DRIVER
    assert berths.taken(leg) is learner
    assert leg.stage is Stage.PAIRED
    assert leg.drives
    assert berths.count == (1, 1)
    assert berths.overdue(1e9) == []  # a conversation may be silent for ever


def test_learner_waits_for_the_next_leg() -> None:
    """Without a spare leg learners wait, and get the next ones that are parked, in order."""
    berths = Berths()
    leg = _parked(berths)
    first, second = _learner(), _learner(digest=SPECTATOR)
    for learner in (_learner(), first, second):
        berths.wait(learner, NOW_S)
    berths.match("pc", NOW_S)
    berths.taken(leg)
    assert berths.match("pc", NOW_S) is None
    leg = _parked(berths)
    assert berths.match("pc", NOW_S) == (leg, first)
    berths.taken(leg)
    leg = _parked(berths)
    assert berths.match("pc", NOW_S) == (leg, second)
    berths.taken(leg)
    assert not leg.drives


def test_patience_ends() -> None:
    """A learner waits for so long and no longer."""
    berths = Berths()
    berths.match("pc", NOW_S)
    _taken_by_somebody(berths)
    learner = _learner()
    berths.wait(learner, NOW_S)
    assert berths.out_of_patience(NOW_S + LEARNER_WAIT_S - 0.01) == []
    assert berths.out_of_patience(NOW_S + LEARNER_WAIT_S) == [learner]
    assert berths.out_of_patience(1e9) == []
    _parked(berths)
    assert berths.match("pc", NOW_S) is None


def _taken_by_somebody(berths: Berths) -> Leg:
    leg = _parked(berths)
    berths.wait(_learner(), NOW_S)
    berths.match("pc", NOW_S)
    berths.taken(leg)
    return leg


def test_no_answer_gives_the_next_leg() -> None:
    """A leg that does not answer is overdue; its learner is the first to get another."""
    berths = Berths()
    silent, learner, later = _parked(berths), _learner(), _learner()
    berths.wait(learner, NOW_S)
    berths.match("pc", NOW_S)
    berths.wait(later, NOW_S)
    assert berths.overdue(NOW_S + TAKEN_S - 0.01) == []
    assert berths.overdue(NOW_S + TAKEN_S) == [silent]
    berths.left(silent, NOW_S + TAKEN_S)
    assert berths.taken(silent) is None
    assert berths.declined(silent, NOW_S) is None
    leg = _parked(berths)
    assert berths.match("pc", NOW_S) == (leg, learner)


def test_declined_leg_stays_parked() -> None:
    """An actor that declines a learner is there for the next one."""
    berths = Berths()
    leg, learner, later = _parked(berths), _learner(), _learner(digest=SPECTATOR)
    berths.wait(learner, NOW_S)
    berths.match("pc", NOW_S)
    assert berths.declined(leg, NOW_S) is learner
    assert berths.declined(leg, NOW_S) is None
    assert learner.leg is None
    berths.wait(later, NOW_S)
    assert berths.match("pc", NOW_S) == (leg, later)


@pytest.mark.parametrize("matched", [True, False])
def test_learner_hangs_up(matched: bool) -> None:
    """A learner that hung up waits no more; a leg that was told of it is named."""
    berths = Berths()
    leg, learner = _parked(berths), _learner()
    berths.wait(learner, NOW_S)
    if matched:
        berths.match("pc", NOW_S)
    assert berths.gave_up(learner) is (leg if matched else None)
    assert berths.match("pc", NOW_S) is None
    assert berths.taken(leg) is None
    berths.left(leg, NOW_S)
    assert berths.out_of_patience(1e9) == []


def test_silence() -> None:
    """A connection says what it is in time, and then something now and then."""
    berths = Berths()
    leg = berths.came("pc", "owner", _Line(), NOW_S)
    assert berths.overdue(NOW_S + HANDSHAKE_TIMEOUT_S) == [leg]
    berths.park(leg, _park(), NOW_S, _always)
    assert berths.overdue(NOW_S + PARK_SILENCE_S - 0.01) == []
    assert berths.overdue(NOW_S + PARK_SILENCE_S) == [leg]
    berths.heard(leg, NOW_S + 30.0)
    assert berths.overdue(NOW_S + PARK_SILENCE_S) == []
    assert berths.overdue(NOW_S + 30.0 + PARK_SILENCE_S) == [leg]


def test_pings_do_not_put_off_an_answer() -> None:
    """An actor that was told of a learner answers in time, whatever else it says."""
    berths = Berths()
    leg = _parked(berths)
    berths.wait(_learner(), NOW_S)
    berths.match("pc", NOW_S)
    berths.heard(leg, NOW_S + 1.9)
    assert berths.overdue(NOW_S + TAKEN_S) == [leg]


def test_names_are_remembered() -> None:
    """A name stays known for a while after its last leg, and no longer."""
    berths = Berths()
    leg, spare = _parked(berths), _parked(berths)
    berths.left(leg, NOW_S)
    berths.left(spare, NOW_S + 10.0)
    berths.left(spare, NOW_S + 50.0)  # said twice, counted once
    assert berths.opens("pc", DRIVER)
    assert berths.count == (0, 0)
    assert list(berths.listing(None, NOW_S)) == []
    berths.forget(NOW_S + 10.0 + REMEMBER_S - 0.01)
    assert berths.knows("pc")
    berths.forget(NOW_S + 10.0 + REMEMBER_S)
    assert not berths.knows("pc")


def test_nothing_is_left_behind() -> None:
    """After many comings and goings everything is forgotten."""
    berths = Berths()
    for number in range(50):
        leg = _parked(berths, f"pc{number % 7}")
        learner = _learner(f"pc{number % 7}")
        berths.wait(learner, NOW_S)
        berths.match(learner.name, NOW_S)
        if number % 3:
            berths.taken(leg)
        elif number % 2:
            berths.gave_up(learner)
        berths.left(leg, NOW_S)
    berths.out_of_patience(1e9)
    berths.forget(1e9)
    assert berths._berths == {}
    assert berths._silent == set()


def test_newest_process_wins() -> None:
    """Another process of the same owner displaces every leg; their learners wait for it."""
    berths = Berths()
    joined = _taken_by_somebody(berths)
    asked, spare, learner = _parked(berths), _parked(berths), _learner()
    berths.wait(learner, NOW_S)
    assert berths.match("pc", NOW_S) == (asked, learner)
    new = berths.came("pc", "owner", _Line(), NOW_S)
    displaced = berths.park(new, _park("process-2"), NOW_S, _always)
    assert set(displaced) == {joined, asked, spare}
    assert {leg.stage for leg in displaced} == {Stage.GONE}
    assert berths.match("pc", NOW_S) == (new, learner)


def test_other_owner_is_refused() -> None:
    """Another park token does not get the name, until the first one is good no more."""
    berths = Berths()
    leg = _parked(berths)
    with pytest.raises(RefusedError) as caught:
        berths.check_name("pc", "thief", _always)
    assert caught.value.code is ErrorCode.BUSY
    thief = berths.came("pc", "thief", _Line(), NOW_S)
    with pytest.raises(RefusedError):
        berths.park(thief, _park("process-2"), NOW_S, _always)
    assert leg.stage is Stage.SPARE
    displaced = berths.park(thief, _park("process-2"), NOW_S, lambda owner, _: owner != "owner")
    assert displaced == [leg]


def test_new_tokens() -> None:
    """An actor that parks again on the same leg brings its new tokens; the old open nothing."""
    berths = Berths()
    leg = _parked(berths)
    assert berths.opens("pc", DRIVER)
    assert not berths.opens("pc", OTHER)
    assert berths.park(leg, _park(drivers=(OTHER,)), NOW_S, _always) == []
    assert not berths.opens("pc", DRIVER)
    assert berths.opens("pc", OTHER)
    assert berths.names_for(OTHER) == ["pc"]
    assert next(berths.listing(None, NOW_S))["ready"]


def test_tokens_of_a_busy_actor() -> None:
    """An actor may bring new tokens while it was told of a learner; the answer is still awaited."""
    berths = Berths()
    leg, learner = _parked(berths), _learner()
    berths.wait(learner, NOW_S)
    berths.match("pc", NOW_S)
    berths.park(leg, _park(drivers=(OTHER,)), NOW_S + 1.0, _always)
    assert leg.stage is Stage.ASKED
    assert berths.overdue(NOW_S + TAKEN_S) == [leg]
    assert berths.taken(leg) is learner


def test_withdrawn_tokens() -> None:
    """Legs are named whose park token is good no more, parked or joined."""
    berths = Berths()
    legs = {_taken_by_somebody(berths), _parked(berths), _parked(berths, "other")}
    assert berths.withdrawn(_always) == []
    assert set(berths.withdrawn(lambda _, name: name != "pc")) == {
        leg for leg in legs if leg.name == "pc"
    }
    assert set(berths.withdrawn(lambda *_: False)) == legs


def test_limits() -> None:
    """Names, spare legs, conversations and waiting learners are counted."""
    berths = Berths()
    for _ in range(limits.SPARES):
        _parked(berths)
    more = berths.came("pc", "owner", _Line(), NOW_S)
    with pytest.raises(RefusedError) as caught:
        berths.park(more, _park(), NOW_S, _always)
    assert caught.value.code is ErrorCode.TOO_MANY

    berths = Berths()
    for _ in range(limits.CONVERSATIONS):
        _taken_by_somebody(berths)
    with pytest.raises(RefusedError) as caught:
        berths.wait(_learner(), NOW_S)
    assert caught.value.code is ErrorCode.FULL

    berths = Berths()
    _taken_by_somebody(berths)
    for _ in range(limits.WAITING):
        berths.wait(_learner(), NOW_S)
    with pytest.raises(RefusedError) as caught:
        berths.wait(_learner(), NOW_S)
    assert caught.value.code is ErrorCode.FULL


def test_most_names() -> None:
    """When as many names are known as can be, those that are known still park."""
    berths = Berths()
    for number in range(limits.NAMES):
        _parked(berths, f"pc{number}")
    with pytest.raises(RefusedError) as caught:
        berths.check_name("one-more", "owner", _always)
    assert caught.value.code is ErrorCode.FULL
    _parked(berths, "pc0")


def test_listing() -> None:
    """An actor is described by its name, its software, and who is with it."""
    berths = Berths()
    _taken_by_somebody(berths)
    leg = _parked(berths)
    berths.wait(_learner(digest=SPECTATOR), NOW_S)
    berths.match("pc", NOW_S)
    berths.taken(leg)
    _parked(berths, "another", now_s=NOW_S)
    listed = list(berths.listing(None, NOW_S + 7.0))
    assert [one["name"] for one in listed] == ["another", "pc"]
    assert listed[1] == {
        "name": "pc",
        "software": "test 1",
        "parked_s": 7.0,
        "ready": False,
        "drivers": 1,
        "spectators": 1,
    }
    assert [one["name"] for one in berths.listing(["pc", "gone"], NOW_S)] == ["pc"]


def test_some_names() -> None:
    """A hint names a few, and counts the others."""
    assert some(["a", "b"]) == "a, b"
    assert some([str(number) for number in range(12)]).endswith("9 and 2 more")
