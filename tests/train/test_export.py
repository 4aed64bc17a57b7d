"""A policy of torch, exported: an actor takes it, and it says there what it says here."""

from __future__ import annotations

import contextlib
import importlib.util
import os

import numpy as np
import pytest

from ac_bridge.clock import SystemClock
from ac_bridge.policy.trial import load_policy
from ac_bridge_client.export import export_policy
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.spec import Mode
from helpers.actors import make_rig

if not os.environ.get("AC_BRIDGE_TRAIN_REQUIRED") and importlib.util.find_spec("torch") is None:
    pytest.skip("the extra `train` is not installed", allow_module_level=True)

import torch
from torch import nn

with contextlib.closing(make_rig()) as rig:
    SPEC = rig.spec(Mode.LOCKSTEP)


class Noisy(nn.Module):  # type: ignore[misc]
    """Normalizes, thinks, and adds what noise it is given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.norm = nn.BatchNorm1d(SPEC.observation_size, affine=False)
        self.layers = nn.Sequential(
            nn.Linear(SPEC.observation_size, 32), nn.ReLU(), nn.Linear(32, 3)
        )

    def forward(
        self, observation: torch.Tensor, noise: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Choose."""
        mean = self.layers(torch.clamp(self.norm(observation), -10.0, 10.0))
        bent = torch.tanh(mean + 0.1 * noise)
        action = torch.cat([bent[:, :1], bent[:, 1:].clamp(min=0.0)], dim=1)
        return action, -0.5 * (noise**2).sum(1, keepdim=True)


def test_an_exported_policy_says_the_same() -> None:
    """Action and extras, to rounding; the module goes on training as it did."""
    module = Noisy()
    module.train()
    data = export_policy(module, SPEC, noise_size=3, extras=["log_prob"])
    assert module.training
    policy = load_policy(data, SPEC, [], SystemClock().now)
    module.eval()
    rng = np.random.default_rng(2)
    for _ in range(20):
        observation = rng.uniform(-1.0, 1.0, SPEC.observation_size).astype(np.float32)
        noise = rng.standard_normal(3, np.float32)
        with torch.no_grad():
            action, log_prob = module(torch.tensor(observation)[None], torch.tensor(noise)[None])
        output = policy.act(observation, noise)
        assert output.action == pytest.approx(action[0].numpy(), abs=1e-5)
        assert output.extras["log_prob"] == pytest.approx(log_prob[0].numpy(), rel=1e-5)


def test_without_the_exporter_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words."""
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(SettingError, match="cannot be exported") as caught:
        export_policy(Noisy(), SPEC)
    assert "ac-bridge[train]" in caught.value.hint
