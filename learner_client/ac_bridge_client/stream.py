"""`ActorStream`: policies out to actors that drive by themselves, what they live through in."""

from __future__ import annotations

import hashlib
import math
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from ac_bridge_client import stream_resume
from ac_bridge_client.access import Access
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.drive import DriveOptions
from ac_bridge_client.link import LONGEST_WAIT_S
from ac_bridge_client.stream_batch import Batch, Episode, Labelled, batch_of, episode_of
from ac_bridge_client.stream_intake import Bookmark, Intake
from ac_bridge_client.stream_line import Line
from ac_bridge_client.stream_push import Push
from ac_bridge_client.stream_stats import StreamStats
from ac_bridge_client.stream_taking import Taking
from ac_bridge_protocol.edge import PolicyOffer, PolicyState, RunStart, RunStop
from ac_bridge_protocol.errors import (
    LinkTimeoutError,
    LocalProtocolError,
    PolicyFailedError,
    PolicyRefusedError,
    SettingError,
)
from ac_bridge_protocol.helpers import Closing, choose
from ac_bridge_protocol.limits import POLICY_BYTES, TEXT_CHARACTERS
from ac_bridge_protocol.observing import ObservationLike, wished
from ac_bridge_protocol.runs import SEEDS, RunTerms, Swap
from ac_bridge_protocol.spec import EnvSpec, mode_named, spec_digest
from ac_bridge_protocol.starts import Start
from ac_bridge_protocol.tasks import TaskSpec

WAITING_STEPS = 8192
"""About how many steps of an actor wait to be taken: seven minutes at 20 Hz."""

_THERE = {
    "ready": (PolicyState.READY, PolicyState.ACTIVE),
    "active": (PolicyState.ACTIVE,),
}


class ActorStream(Closing):
    """Teaches actors whose policy acts there: no step waits for the link.

        with ActorStream("ws://gaming-pc:8765", resume_file=Path("resume.json")) as stream:
            stream.push_policy(onnx, version=1)
            stream.set_task("progress", run="first")
            for batch in stream.batches(steps=256):
                learn(batch)
                save_checkpoint()
                stream.commit()

    Connects when it is made. Each link is kept by a thread of its own, which connects again when it
    is lost; the actor drives on meanwhile, and keeps its records until they are acknowledged. So
    each step is handed out once and in order: whatever is cut; and, with a resume file, whenever
    this program is killed, counted from what it committed last; or from a checkpoint of its own
    that has the stream's `position` in it.

    Several actors are given the same policy and run. Methods may be called from one thread at a
    time; one iteration is to be used at a time.

    Args:
        uri: the actor's address, or several.
        token, token_file, ca_file, fingerprint, codec: as `RemoteEnv` has them.
        mode: ``latest``, or ``lockstep`` of a stand-in; None takes the actor's own.
        observation: that the policy acts on; as `RemoteEnv` has it.
        resume_file: keeps how far `commit` has come; is read first, where it exists.
        position: instead of such a file, what `position` returned for the checkpoint that this goes
            on from; empty text without one. With neither, each batch is acknowledged when the next
            one is asked for.
        connect_timeout_s: how long an actor may take to answer at first, in seconds. One that has a
            learner already is given half a minute to notice that this one is gone.
        waiting: about how many steps of each actor may wait here to be taken. More stay in its
            spool.

    Raises:
        ConnectError: an actor did not answer.
        RefusedError: one said no, for instance because it has no spool.
        SettingError: an unknown name, or a resume file or position that cannot be used.
    """

    def __init__(
        self,
        uri: str | Sequence[str],
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        fingerprint: str | None = None,
        codec: str = "msgpack",
        mode: str | None = None,
        observation: ObservationLike = "bridge15",
        resume_file: Path | None = None,
        position: str | None = None,
        connect_timeout_s: float = 10.0,
        waiting: int = WAITING_STEPS,
    ) -> None:
        uris = (uri,) if isinstance(uri, str) else tuple(uri)
        _check(uris, connect_timeout_s, waiting)
        access = Access.gather(token, token_file, ca_file, fingerprint)
        chosen, wish = mode_named(mode), wished(observation)
        self._resume_file = resume_file
        self._commits_itself = resume_file is None and position is None
        self._bookmarks = stream_resume.found(resume_file, position)
        self._changed = threading.Condition()
        self._lines = tuple(
            Line(
                DriveOptions(one, codec, chosen, 0, wish, connect_timeout_s, access),
                Intake(self._bookmarks),
                waiting,
                self._bookmarks,
                self._changed,
            )
            for one in uris
        )
        self._unclosed = weakref.finalize(self, _end, self._lines)
        self._taking = Taking([line.queue for line in self._lines])
        self._handed: dict[str, Bookmark] = {}
        self._version = 0
        try:
            with self._changed:
                self._wait(lambda: all(line.spec is not None for line in self._lines), math.inf)
        except BaseException:
            self.close()
            raise

    @property
    def env_spec(self) -> EnvSpec:
        """What the first actor announced: what a policy is to be made for."""
        spec = self._lines[0].spec
        assert spec is not None  # noqa: S101 -- waited for
        return spec

    # --- What actors are to do --------------------------------------------------------------------

    def set_task(
        self,
        task: TaskSpec | str,
        *,
        run: str,
        episodes: int | None = None,
        seconds: float | None = None,
        failures: int = 5,
        seed: int | None = None,
        noise_seed: int = 0,
        starts: Sequence[Start] = (),
        frames: bool = False,
    ) -> None:
        """Have every actor drive, now and when its link is back; see `RunTerms` for the terms.

        A run that goes on with the same terms goes on. How it stands is in `stats`. The seeds are
        those of the first actor, and each actor's are one more than those of the one before it: so
        no two live through the same.

        Raises:
            SettingError: there is no such task, or something else cannot be.
        """
        spec = TaskSpec.of(task) if isinstance(task, str) else task
        try:
            terms = RunTerms(
                run=run,
                task=spec,
                episodes=episodes,
                seconds=seconds,
                failures=failures,
                seed=seed,
                noise_seed=noise_seed,
                starts=tuple(starts),
                frames=frames,
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            setting = ".".join(map(str, first["loc"]))
            raise SettingError(f"{setting}: {first['msg']}.", setting=setting) from None
        terms.task.check()
        self._ask([RunStart(terms=_of_actor(terms, index)) for index in range(len(self._lines))])

    def stop(self, why: str = "", timeout_s: float = 10.0) -> None:
        """Have every actor stop driving, and wait until each has said that it drives no more.

        Args:
            why: for the actors' logs.
            timeout_s: how long to wait, in seconds; 0 does not wait.

        Raises:
            LinkTimeoutError: one has not said so in that time, as its link is away for instance. It
                is told when its link is back, unless this stream is closed before.
        """
        self._ask([RunStop(why=why[:TEXT_CHARACTERS])] * len(self._lines))
        with self._changed:
            if timeout_s > 0 and not self._wait(self._all_stopped, timeout_s):
                left = [line.uri for line in self._lines if not line.wish.done]
                raise LinkTimeoutError(
                    f"{', '.join(left)} did not confirm within {timeout_s:g} s that the car stops.",
                    hint="It is told when its link is back, if this stream is still open then. Or "
                    "stop the car at the gaming PC.",
                )

    def push_policy(self, onnx: bytes, version: int, *, swap: str = "episode") -> None:
        """Give every actor a policy; returns at once. One that is on its way is given up for it.

        Args:
            onnx: a model for `env_spec`.
            version: above that of every policy that an actor had; see `stats`.
            swap: ``episode`` lets it take over with the next episode, ``tick`` with the next tick.

        Raises:
            SettingError: too large or empty, or a version or word that cannot be.
        """
        when = choose({one.value: one for one in Swap}, swap, setting="swap")
        if not 1 <= len(onnx) <= POLICY_BYTES:
            raise SettingError(
                f"A policy has 1 to {POLICY_BYTES:,} bytes, not {len(onnx):,}.", setting="onnx"
            )
        if not self._version < version < 2**53:
            raise SettingError(
                f"A policy's version is above that of the one before, {self._version}, and below "
                f"2**53; {version} is not.",
                setting="version",
            )
        offer = PolicyOffer(
            version=version,
            sha256=hashlib.sha256(onnx).hexdigest(),
            size_bytes=len(onnx),
            spec=spec_digest(self.env_spec),
            swap=when,
        )
        with self._changed:
            self._check_lines()
            self._version = version
            for line in self._lines:
                line.push = Push(offer, onnx)
                line.look()

    def wait_policy(self, version: int, state: str = "ready", timeout_s: float = 60.0) -> None:
        """Wait until every actor has a policy: until it is ready to act, or acts.

        Args:
            version: of the policy that was pushed last.
            state: ``ready`` or ``active``.
            timeout_s: in seconds.

        Raises:
            PolicyRefusedError: an actor does not take it; says why.
            PolicyFailedError: it failed while it acted.
            LinkTimeoutError: it took longer.
            LocalProtocolError: that policy was not the last to be pushed.
        """
        wanted = choose(_THERE, state, setting="state")
        with self._changed:

            def there() -> bool:
                if version != self._version:
                    raise LocalProtocolError(
                        f"Policy {version} is not waited for: the one pushed last is "
                        f"{self._version}."
                    )
                pushes = [line.push for line in self._lines if line.push is not None]
                for push in pushes:
                    _raise_failed(push)
                return all(push.status and push.status.state in wanted for push in pushes)

            if not self._wait(there, timeout_s):
                raise LinkTimeoutError(
                    f"Policy {version} is not {state} on every actor after {timeout_s:g} s.",
                    hint="See stats(): it is checked there, and acts once a run begins an episode.",
                )

    # --- What they lived through ------------------------------------------------------------------

    def batches(
        self,
        steps: int = 256,
        timeout_s: float | None = None,
        linger_s: float | None = None,
    ) -> Iterator[Batch]:
        """Yield steps as they come, without end; those of several actors by turns.

        A batch is shorter where the shapes change (another observation, a policy that says other
        things), and when time is up. Asking for the next one acknowledges the one before, unless
        there is a resume file or a position.

        Args:
            steps: how many are in a batch.
            timeout_s: how long a batch may take, in seconds; None waits for ever.
            linger_s: how long a batch that has begun waits for more, in seconds; None as long as
                for its first step. The last steps of a run come without more after them.

        Raises:
            LinkTimeoutError: not one step came in that time.
            LinkError: an actor does not let us in any more, or the stream was closed.
            SettingError: the resume file cannot be written.
        """
        if steps < 1:
            raise SettingError(f"A batch has at least one step, not {steps}.", setting="steps")
        self._taking.start_over()
        while True:
            self._await_steps(steps, timeout_s, linger_s)
            with self._changed:
                found = self._taking.gathered()
            yield batch_of(found, self._handed_out(found))
            self._next()

    def episodes(self, timeout_s: float | None = None) -> Iterator[Episode]:
        """Yield whole episodes as they end, without end.

        One whose end is missing, as the actor was killed or the run stopped, is not `complete`, and
        its last step truncated. Otherwise as `batches`.

        Args:
            timeout_s: how long the next may take, in seconds; None waits for ever.

        Raises:
            LinkTimeoutError: none ended in that time.
            LinkError: an actor does not let us in any more, or the stream was closed.
            SettingError: the resume file cannot be written.
        """
        self._taking.start_over()
        while True:
            self._await(self._taking.gather_episode, timeout_s)
            with self._changed:
                found = self._taking.episode()
            yield episode_of(found, self._handed_out(found))
            self._next()

    def commit(self) -> None:
        """Have everything that was handed out for good: it is acknowledged, and never comes again.

        With a resume file, call it after each checkpoint that what was handed out has gone into.

        Raises:
            SettingError: the resume file cannot be written. Nothing was acknowledged.
        """
        self._commit(dict(self._handed))

    def position(self) -> str:
        """Return how far what was handed out has come: text, for a checkpoint with all that in it.

        A stream that is made with it goes on with the step after: whenever this program is killed,
        what is in the checkpoint never comes again, and what is not does. So `commit` comes after
        the checkpoint, and nothing is lost or taken twice in between.
        """
        return stream_resume.to_text(self._bookmarks | self._handed)

    def stats(self) -> StreamStats:
        """Return what became of the records and links so far; `str` of it is a table."""
        with self._changed:
            return StreamStats(tuple(line.stats() for line in self._lines))

    def interrupt(self) -> None:
        """End whatever waits in this stream with a `LinkError`, for good. From any thread.

        All that can be done afterwards is to close it.
        """
        for line in self._lines:
            line.stop()

    def close(self) -> None:
        """Close the links; actors drive on. May be called twice.

        What was handed out and not committed comes again, to the next learner.
        """
        self._unclosed()

    # --- Inside -----------------------------------------------------------------------------------

    def _ask(self, wishes: Sequence[RunStart | RunStop]) -> None:
        with self._changed:
            self._check_lines()
            for line, wish in zip(self._lines, wishes, strict=True):
                line.wish.set(wish)
                line.look()

    def _all_stopped(self) -> bool:
        return all(line.wish.done for line in self._lines)

    def _handed_out(self, found: Sequence[Labelled]) -> Callable[[], None]:
        """Note how far this has come; return what has it for good."""
        self._handed.update(self._taking.bookmarks(found))
        upto = dict(self._handed)
        return lambda: self._commit(upto)

    def _next(self) -> None:
        if self._commits_itself:
            self.commit()
        with self._changed:
            for line in self._lines:
                line.look()  # there is more room

    def _commit(self, upto: dict[str, Bookmark]) -> None:
        kept = self._bookmarks
        fresh = {
            spool: bookmark
            for spool, bookmark in upto.items()
            if spool not in kept or bookmark.upto > kept[spool].upto
        }
        if not fresh:
            return
        if self._resume_file is not None:
            stream_resume.save(self._resume_file, kept | fresh)
        with self._changed:
            kept.update(fresh)
            for line in self._lines:
                line.look()

    def _await_steps(self, steps: int, timeout_s: float | None, linger_s: float | None) -> None:
        """Gather so many steps; fewer, but one at least, when time is up."""
        taking, until_s = self._taking, monotonic_s() + _seconds(timeout_s)
        self._await(lambda: taking.gather(steps) or not taking.is_empty, timeout_s)
        with self._changed:
            left_s = min(until_s - monotonic_s(), _seconds(linger_s))
            self._wait(lambda: taking.gather(steps), left_s)

    def _await(self, there: Callable[[], bool], timeout_s: float | None) -> None:
        """Wait until there is what is asked for.

        Raises:
            LinkTimeoutError: it took longer.
        """
        with self._changed:
            if not self._wait(there, _seconds(timeout_s)):
                raise LinkTimeoutError(
                    f"Nothing came from {len(self._lines)} actors within {timeout_s:g} s.",
                    hint="See stats(): is there a run, and a policy for it?",
                )

    def _wait(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait, holding the condition, until something is so; return whether it is."""
        until_s = monotonic_s() + timeout_s
        while not done():
            self._check_lines()
            left_s = until_s - monotonic_s()
            if left_s <= 0:
                return False
            self._changed.wait(min(left_s, LONGEST_WAIT_S))
        return True

    def _check_lines(self) -> None:
        """Raise what an actor was lost for."""
        for line in self._lines:
            if line.error is not None:
                raise line.error


def _seconds(limit_s: float | None) -> float:
    return math.inf if limit_s is None else limit_s


def _of_actor(terms: RunTerms, index: int) -> RunTerms:
    """Return a run's terms for one of several actors."""
    return terms.model_copy(
        update={
            "seed": None if terms.seed is None else (terms.seed + index) % SEEDS,
            "noise_seed": (terms.noise_seed + index) % SEEDS,
        }
    )


def _end(lines: Sequence[Line]) -> None:
    for line in lines:
        line.stop()
    for line in lines:
        line.join()


def _raise_failed(push: Push) -> None:
    status = push.status
    if status is None or not push.failed:
        return
    if status.state is PolicyState.REFUSED:
        reason = "" if status.refusal is None else status.refusal.value
        raise PolicyRefusedError(reason, status.message, hint=status.hint)
    raise PolicyFailedError(status.message, hint=status.hint)


def _check(uris: Sequence[str], connect_timeout_s: float, waiting: int) -> None:
    if not uris or len(set(uris)) < len(uris):
        raise SettingError(
            "A stream has one address for each actor, and at least one.", setting="uri"
        )
    if not connect_timeout_s > 0:
        raise SettingError(
            f"connect_timeout_s is a time above 0 s, not {connect_timeout_s!r}.",
            setting="connect_timeout_s",
        )
    if waiting < 1:
        raise SettingError(f"At least one step may wait, not {waiting}.", setting="waiting")
