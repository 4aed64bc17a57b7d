"""What became of a stream, in figures. Pure."""

from __future__ import annotations

import dataclasses

from ac_bridge_protocol.edge import PolicyStatus, RunStatus


@dataclasses.dataclass(frozen=True, slots=True)
class ActorStats:
    """What became of what one actor sent."""

    uri: str
    """Its address."""
    connected: bool
    """Whether there is a link at this moment."""
    links_replaced: int
    """Links that were lost and replaced."""
    records: int
    """That came, each counted once."""
    duplicates: int
    """That came again, and were dropped."""
    gaps: int
    """That never came: the actor dropped them, or another learner has them."""
    unjoined: int
    """That could not be joined to a step, as the one before was missing."""
    waiting: int
    """Steps that wait to be taken."""
    run: RunStatus | None
    """What the actor said last of its run and spool, and of why it is over; None before it said
    anything."""
    policy: PolicyStatus | None
    """What it said last of a policy, and since which tick of which episode it acts; None before it
    said anything."""

    def rows(self) -> list[tuple[str, str]]:
        """Return it as names and values."""
        run, policy = self.run, self.policy
        return [
            ("actor", f"{self.uri} ({'connected' if self.connected else 'not connected'})"),
            ("links replaced", f"{self.links_replaced}"),
            ("records, duplicates dropped", f"{self.records}, {self.duplicates}"),
            ("never came, not joined", f"{self.gaps}, {self.unjoined}"),
            ("steps waiting", f"{self.waiting}"),
            ("run", "-" if run is None else _told(run)),
            (
                "spool's last, acknowledged, dropped",
                "-" if run is None else f"{run.last}, {run.acknowledged}, {run.dropped}",
            ),
            (
                "policy",
                "-" if policy is None else _stands(policy),
            ),
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class StreamStats:
    """What became of a stream, actor by actor. `str` of it is a table."""

    actors: tuple[ActorStats, ...]
    """In the order of their addresses."""

    def __str__(self) -> str:
        tables = [actor.rows() for actor in self.actors]
        width = max(len(name) for rows in tables for name, _ in rows)
        return "\n\n".join(
            "\n".join(f"{name:<{width}}  {value}" for name, value in rows) for rows in tables
        )


def _told(run: RunStatus) -> str:
    goes = "driving" if run.driving else "not driving"
    if run.end is not None:
        goes += f" ({run.end.value})"
    text = f"{run.run or '-'}, {goes}, {run.episodes} episodes"
    told = f"{run.why} {run.hint}".strip()
    return f"{text}: {told}" if told else text


def _stands(policy: PolicyStatus) -> str:
    text = f"{policy.version} {policy.state.value}"
    if policy.episode is not None:
        text += f" since episode {policy.episode}, tick {policy.tick}"
    return f"{text}: {policy.message}" if policy.message else text
