"""The seeds of every target, and a bounded look for more that breaks one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.targets import TARGETS
from fuzz.write_corpus import CORPUS, seeds

TESTS = Path(__file__).parents[1]
SECONDS = float(os.environ.get("AC_BRIDGE_FUZZ_SECONDS", "24"))
"""For all targets together. Half a minute finds what a change broke; a night finds the rest."""
CORPUS_BYTES = 200_000
"""Most bytes of all seeds: they are for reading, too."""

FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_seed_breaks_nothing(path: Path) -> None:
    """On every platform, with no fuzzer; what broke something once is among them."""
    TARGETS[path.parent.name](path.read_bytes())


def test_the_seeds_are_of_todays_messages() -> None:
    """Every one that the script would write is there; if not: `python -m fuzz.write_corpus`."""
    for target, name, data in seeds():
        assert (CORPUS / target / name).read_bytes() == data, f"{target}/{name}"
    assert {path.parent.name for path in FILES} == set(TARGETS)
    assert sum(path.stat().st_size for path in FILES) < CORPUS_BYTES


@pytest.mark.parametrize("target", TARGETS)
def test_a_bounded_look_for_more(target: str, tmp_path: Path) -> None:
    """Guided by what is reached; whatever breaks a promise is shown as bytes to keep as a seed."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris: Linux, Python 3.11")
    found = tmp_path / "found"
    found.mkdir()
    seconds = max(1, round(SECONDS / len(TARGETS)))
    options = [f"-max_total_time={seconds}", "-seed=1", "-timeout=20", "-rss_limit_mb=1024"]
    # What reads the bytes is compiled, and seen from here they look alike: keep what looks like
    # another seed, or the messages that are right are soon gone.
    options += ["-keep_seed=1", "-reduce_inputs=0"]
    command = [sys.executable, "-m", "fuzz.run", target, *options, "-print_final_stats=1"]
    folders = [f"-artifact_prefix={tmp_path}/", str(found), str(CORPUS / target)]
    done = subprocess.run(
        [*command, *folders],
        cwd=TESTS,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 120,
        check=False,
    )
    broke = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert done.returncode == 0, f"{target} breaks at {broke}:\n{done.stderr[-4000:]}"
    assert "number_of_executed_units" in done.stderr
