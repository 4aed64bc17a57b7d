"""Steps as a dataset that Minari reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import minari
import numpy as np
import pytest

from ac_bridge.data.minari_dataset import MOST_STEPS, ROOT_VARIABLE, MinariDataset
from ac_bridge.data.steps import Source
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.spec import SHIFTING_ACTION
from helpers.exported import make_head, make_row


def filled(root: Path, *lengths: int, dataset_id: str | None = None) -> MinariDataset:
    """Write episodes of so many steps."""
    dataset = MinariDataset(root, "progress", dataset_id)
    template = make_row(1)
    for number, length in enumerate(lengths):
        dataset.begin(make_head(seed=number))
        for step in range(1, length + 1):
            changes = {"terminated": step == length, "reward": step / 4, "tick": step}
            observation = (step % 16 / 16, *template.observation[1:])
            dataset.step(template._replace(observation=observation, **changes))
        dataset.end(())
    dataset.close()
    return dataset


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of datasets, where Minari looks."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "sets"))
    return tmp_path / "sets"


def test_minari_loads_it(root: Path) -> None:
    """By its name, from the folder, and knows what is in it."""
    filled(root, 3, 5)
    dataset = minari.load_dataset("standin/imola-abarth500-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (2, 8)
    assert dataset.observation_space.shape == (15,)
    assert dataset.action_space.shape == (3,)
    first, second = dataset.iterate_episodes()
    assert first.observations.shape == (4, 15)
    assert second.rewards.tolist() == [0.25, 0.5, 0.75, 1.0, 1.25]
    assert second.terminations.tolist() == [False] * 4 + [True]
    assert not second.truncations.any()
    np.testing.assert_array_equal(second.actions, [[-0.5, 0.25, 0.0]] * 5)
    assert first.infos["speed_kmh"].tolist() == [72.0, 1.0, 1.0, 1.0]
    assert set(minari.list_local_datasets()) == {"standin/imola-abarth500-v0"}


def test_it_says_what_it_is_of(root: Path) -> None:
    """Car, track, task, and what each element is."""
    filled(root, 3)
    metadata = minari.load_dataset("standin/imola-abarth500-v0").storage.metadata
    assert "progress" in metadata["description"]
    about = metadata["ac_bridge"]
    assert about["statics"]["track"] == "imola"
    assert [one["name"] for one in about["action"]] == ["steer", "throttle", "brake"]
    assert about["observation"][0] == {
        "name": "speed",
        "unit": "km/h",
        "size": 1,
        "scale": 300.0,
        "low": 0.0,
        "high": 2.0,
        "elements": [],
        "options": [],
        "ticks_ago": 0,
    }
    (seeds,) = [minari.load_dataset("standin/imola-abarth500-v0").storage.get_episode_metadata([0])]
    assert next(iter(seeds))["seed"] == 0


def test_a_loader_makes_transitions_of_it(root: Path) -> None:
    """As those of offline learning do: flat arrays, next observations, and where it is done."""
    filled(root, 3, 5)
    dataset = minari.load_dataset("standin/imola-abarth500-v0")
    observations, actions, rewards, nexts, dones = [], [], [], [], []
    for episode in dataset.iterate_episodes():
        observations.append(episode.observations[:-1])
        nexts.append(episode.observations[1:])
        actions.append(episode.actions)
        rewards.append(episode.rewards)
        dones.append(episode.terminations)
    flat = [np.concatenate(one) for one in (observations, actions, rewards, nexts, dones)]
    assert [len(one) for one in flat] == [8] * 5
    assert [one.dtype.kind for one in flat] == ["f", "f", "f", "f", "b"]
    assert flat[3][:, 0].tolist() == [1 / 16, 2 / 16, 3 / 16, *(n / 16 for n in range(1, 6))]
    assert flat[0][1:3].tolist() == flat[3][0:2].tolist()


def test_episodes_too_long_for_minari_become_several(root: Path) -> None:
    """Nothing is lost, and each transition is there once; only the last part terminates."""
    filled(root, MOST_STEPS + 10, 7)
    dataset = minari.load_dataset("standin/imola-abarth500-v0")
    episodes = list(dataset.iterate_episodes())
    assert [len(one.rewards) for one in episodes] == [MOST_STEPS, 10, 7]
    assert [len(one.observations) for one in episodes] == [MOST_STEPS + 1, 11, 8]
    np.testing.assert_array_equal(episodes[0].observations[-1], episodes[1].observations[0])
    assert episodes[0].truncations.nonzero()[0].tolist() == [MOST_STEPS - 1]
    assert [bool(one.terminations[-1]) for one in episodes] == [False, True, True]
    assert episodes[1].rewards[0] == (MOST_STEPS + 1) / 4


def test_real_driving_is_not_called_simulated(root: Path) -> None:
    """The name says which game it was, in words that Minari takes."""
    dataset = MinariDataset(root, "progress")
    statics = make_head().statics.model_copy(
        update={"track": "ks nordschleife", "track_configuration": "tour+"}
    )
    dataset.begin(make_head(about={"game": "shm"}, statics=statics, source=Source.TELEMETRY))
    assert dataset.dataset_id == "assettocorsa/ks_nordschleife-tour_-abarth500-v0"


def test_a_dataset_that_is_there_is_left_alone(root: Path) -> None:
    """Whether its name was given or made."""
    filled(root, 3, dataset_id="mine/laps-v0")
    with pytest.raises(RecordingError, match="has a dataset mine/laps-v0 already"):
        MinariDataset(root, "progress", "mine/laps-v0")
    filled(root, 3)
    with pytest.raises(RecordingError, match="--dataset-id"):
        filled(root, 3)
    assert minari.load_dataset("mine/laps-v0").total_steps == 3


@pytest.mark.parametrize("name", ["laps", "a b-v0", "", "../up-v0", "/x/y-v0", "x-v"])
def test_a_name_that_minari_does_not_take_is_refused(root: Path, name: str) -> None:
    """Before anything is read."""
    with pytest.raises(SettingError, match="Minari takes no"):
        MinariDataset(root, "progress", name)


def test_a_dataset_has_one_kind_of_steps(root: Path) -> None:
    """Other actions are another space."""
    dataset = MinariDataset(root, "progress")
    dataset.begin(make_head())
    with pytest.raises(RecordingError, match="other observations or actions"):
        dataset.begin(make_head(components=SHIFTING_ACTION))


def test_the_environment_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minari is told where to write, and nobody else."""
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    filled(tmp_path / "sets", 3)
    assert ROOT_VARIABLE not in os.environ
    assert (tmp_path / "sets" / "standin").is_dir()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """A file in its place, for instance."""
    (tmp_path / "sets").write_text("no folder")
    with pytest.raises(RecordingError, match="cannot be written to"):
        filled(tmp_path / "sets", 3)


@pytest.mark.parametrize("module", ["minari", "PIL", "pyarrow.dataset"])
def test_without_the_extra_it_says_how_to_get_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """In the words that one types."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingError, match=r'pip install "ac-bridge\[data\]"'):
        MinariDataset(root, "progress")
