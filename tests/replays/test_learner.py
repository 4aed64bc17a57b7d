"""Golden transcripts, from the other side: `RemoteEnv` makes of them the recorded observations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ac_bridge.replay.drives import drives
from ac_bridge.replay.learner import check_learner
from ac_bridge.replay.transcript import Transcript, load
from ac_bridge_client.core import EnvCore
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Receipt
from replays.mutating import renamed_field, wire_with

GOLDEN = sorted(Path(__file__).parent.glob("*/*.jsonl"))


def transcript(name: str) -> Transcript:
    """Return a golden transcript of this version."""
    path = Path(__file__).parent / "v1" / name
    return load(path.read_bytes(), name)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_learner_gets_it_again(path: Path) -> None:
    """Each reset and step of each drive returns the recorded observation, frame and receipt."""
    found = check_learner(load(path.read_bytes(), path.name))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("mode", ["lockstep", "latest", "fixed_delay"])
@pytest.mark.parametrize("binary", [False, True])
def test_every_mode_is_driven(mode: str, *, binary: bool) -> None:
    """In each codec there are steps of each mode that a learner is led through."""
    steps = [
        request.answer
        for path in GOLDEN
        for one in [load(path.read_bytes(), path.name)]
        if one.head.codec.binary is binary
        for drive in drives(one)
        if drive.welcome["spec"]["mode"] == mode
        for request in drive.requests
        if request.answer["type"] == "step_result"
    ]
    assert len(steps) > 1


@pytest.mark.parametrize("model", [TelemetryFrame, Receipt])
def test_a_renamed_field_is_noticed(model: Any) -> None:
    """A learner that knows a field by another name does not take the recorded one."""
    name = list(model.model_fields)[1]
    with wire_with(*renamed_field(model, name, inside=True)):
        found = check_learner(transcript("drive.json.jsonl"))
    assert any(f".{name}: Field required" in str(one) for one in found), found


def test_another_observation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner that returns something else than it was sent is told by the element."""
    observation = EnvCore._observation

    def shifted(core: EnvCore, features: Any, under_way: Any) -> Any:
        return observation(core, (*features[:3], features[3] + 1.0, *features[4:]), under_way)

    monkeypatch.setattr(EnvCore, "_observation", shifted)
    found = check_learner(transcript("drive.msgpack.jsonl"))
    assert [one.where for one in found] == ["reset_result.observation[3]"]


def test_another_receipt_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes beside the observation counts too."""
    finish = EnvCore.finish

    def finished(core: EnvCore, action: Any, result: Any, under_way: Any = ()) -> Any:
        receipt = result.receipt.model_copy(update={"late": True})
        return finish(core, action, result.model_copy(update={"receipt": receipt}), under_way)

    monkeypatch.setattr(EnvCore, "finish", finished)
    found = check_learner(transcript("drive.msgpack.jsonl"))
    assert [str(one).partition(": ")[2] for one in found] == [
        "step_result.receipt.late: recorded false, now true"
    ]
