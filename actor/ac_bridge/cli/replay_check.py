"""`ac-bridge replay-check`: does this version still say, and understand, what was recorded?"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ac_bridge.cli.console import EXIT_ERROR
from ac_bridge.cli.options import JsonOption, errors_as_json
from ac_bridge.replay.check import check_actor
from ac_bridge.replay.differences import Difference
from ac_bridge.replay.learner import check_learner
from ac_bridge.replay.recorded import transcript_of
from ac_bridge.replay.transcript import Transcript, load
from ac_bridge_protocol.errors import ACBridgeError, RecordingError
from ac_bridge_recording.about import SUFFIX


@dataclasses.dataclass(frozen=True)
class _Verdict:
    """What was found out about a file.

    Attributes:
        file: which.
        messages: that it has.
        actor: in what an actor differs from it.
        learner: in what a learner does.
        problem: why it could not be checked; empty if it was.
    """

    file: Path
    messages: int = 0
    actor: list[Difference] = dataclasses.field(default_factory=list)
    learner: list[Difference] = dataclasses.field(default_factory=list)
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was recorded."""
        return not (self.actor or self.learner or self.problem)


def replay_check(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Transcripts (.jsonl), or recordings (.mcap) with the wire's messages of seeded "
            "drives on a stand-in in lockstep."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Hold what was once said over the wire against this version of the code.

    Whatever the recorded learners sent is sent again to an actor with the stand-in, in a time of
    its own, and all that it answers must be the recorded bytes, but for what cannot be the same
    twice. Then what the recorded actor said is said to this version's learner, which must return
    the recorded observations. No game, and nothing but this machine, is needed.

    The exit status is 1 if anything differs.

    Examples:
        ac-bridge replay-check tests/replays/v1/*.jsonl

        ac-bridge replay-check evening.mcap --json
    """
    with errors_as_json(as_json):
        verdicts = [_verdict(file) for file in files]
    ok = all(verdict.ok for verdict in verdicts)
    if as_json:
        typer.echo(json.dumps({"ok": ok, "files": [_report(one) for one in verdicts]}))
    else:
        _show(verdicts)
    if not ok:
        raise typer.Exit(EXIT_ERROR)


def _verdict(file: Path) -> _Verdict:
    try:
        transcript = _read(file)
        messages = sum(1 for _ in transcript.messages())
        return _Verdict(file, messages, check_actor(transcript), check_learner(transcript))
    except ACBridgeError as error:
        return _Verdict(file, problem=str(error))


def _read(file: Path) -> Transcript:
    """Return the transcript that a file is, or that can be made of it.

    Raises:
        RecordingError: there is none.
    """
    if file.suffix == SUFFIX:
        return transcript_of(file)
    try:
        return load(file.read_bytes(), str(file))
    except OSError as error:
        raise RecordingError(
            f"{file} cannot be read: {error.strerror}.", hint="Is the name right?"
        ) from error


def _show(verdicts: list[_Verdict]) -> None:
    console = Console(highlight=False)
    for verdict in verdicts:
        said = Text(f"{verdict.file}: ")
        if verdict.problem:
            said.append(verdict.problem, style="bold red")
        elif verdict.ok:
            said.append(f"all {verdict.messages:,} messages as recorded", style="green")
        else:
            said.append("differs", style="bold red")
        console.print(said, soft_wrap=True)
        for side, found in (("actor", verdict.actor), ("learner", verdict.learner)):
            for difference in found:
                console.print(Text(f"  {side}: {difference}"), soft_wrap=True)
    wrong = sum(not verdict.ok for verdict in verdicts)
    if wrong:
        console.print(Text(f"{wrong} of {len(verdicts)} files do not hold.", style="bold red"))


def _report(verdict: _Verdict) -> dict[str, Any]:
    return {
        "ok": verdict.ok,
        "file": str(verdict.file),
        "messages": verdict.messages,
        "actor": [dataclasses.asdict(one) for one in verdict.actor],
        "learner": [dataclasses.asdict(one) for one in verdict.learner],
        "problem": verdict.problem,
    }
