"""Messages of a learner whose policy acts on the gaming PC: policies there, records back.

Bytes are base64 in both codecs, so that a message is the same map in either.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from ac_bridge_protocol.limits import CHUNK_BYTES, MESSAGE_BYTES, POLICY_BYTES
from ac_bridge_protocol.runs import PolicyVersion, RunEnd, RunName, RunTerms, Swap
from ac_bridge_protocol.wire import BY_VALUE, Text, WireModel

Digest: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256, in lower-case hexadecimal digits."""
RecordNumber: TypeAlias = Annotated[int, Field(ge=0, lt=2**53)]
"""Of a record in its spool, from 1, never used again; 0 is before the first."""
SpoolName: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
"""Drawn when the spool is made: another one counts anew."""


class PolicyState(enum.StrEnum):
    """Where a policy is."""

    WANTED = "wanted"
    """On its way: the next chunk begins at `received_bytes`."""
    CHECKING = "checking"
    """All of it is there, and being tried."""
    READY = "ready"
    """It waits for its tick or episode."""
    ACTIVE = "active"
    """It acts."""
    REFUSED = "refused"
    """It never acts; `refusal` says why."""
    ROLLED_BACK = "rolled_back"
    """It failed while it acted. The one before it acts again, if there is one."""


class PolicyRefusal(enum.StrEnum):
    """Why a policy was refused."""

    TOO_LARGE = "too_large"
    """More bytes than the limit, or than the offer said."""
    WRONG_HASH = "wrong_hash"
    """What came is not what was offered."""
    NOT_ONNX = "not_onnx"
    """The bytes are no ONNX model, or a broken one."""
    EXTERNAL_DATA = "external_data"
    """It keeps tensors in other files."""
    CUSTOM_OPERATOR = "custom_operator"
    """It needs an operator that is not in the standard set."""
    FORBIDDEN_OPERATOR = "forbidden_operator"
    """It has an operator that may go on for ever, or that draws numbers which nobody records."""
    TOO_NEW = "too_new"
    """It needs a newer runtime than the actor's."""
    WRONG_INPUTS = "wrong_inputs"
    """Its inputs are not an observation of the spec, and perhaps noise."""
    WRONG_OUTPUTS = "wrong_outputs"
    """Its outputs are not an action of the spec, and perhaps others."""
    NOT_FINITE = "not_finite"
    """What it made of the observations that it was tried on is no action."""
    TOO_SLOW = "too_slow"
    """It takes more than its share of a tick."""
    FAILED = "failed"
    """The runtime could not run it."""
    NO_RUNTIME = "no_runtime"
    """The actor was installed without the extra ``policy``."""
    OTHER_SPEC = "other_spec"
    """It was made for another observation, action, rate or mode."""
    OLD = "old"
    """Its version is not above the newest one."""


class PolicyOffer(WireModel):
    """Learner to actor: here comes a policy. One that is on its way is given up for it."""

    type: Literal["policy_offer"] = "policy_offer"
    version: PolicyVersion
    """Above that of every policy before; the same again goes on where its chunks stopped."""
    sha256: Digest
    """Of its bytes."""
    size_bytes: int = Field(ge=1, le=POLICY_BYTES)
    """Of all of it."""
    spec: Digest
    """Of the spec that it was made for; see `spec_digest`."""
    swap: Annotated[Swap, BY_VALUE] = Swap.EPISODE
    """When it takes over."""


class PolicyChunk(WireModel):
    """Learner to actor: the next bytes of a policy."""

    type: Literal["policy_chunk"] = "policy_chunk"
    version: PolicyVersion
    """As offered."""
    offset: int = Field(ge=0, lt=POLICY_BYTES)
    """Bytes before this chunk."""
    data: str = Field(min_length=4, max_length=(CHUNK_BYTES + 2) // 3 * 4)
    """Base64."""


class PolicyStatus(WireModel):
    """Actor to learner: where a policy is."""

    type: Literal["policy_status"] = "policy_status"
    version: PolicyVersion
    """As offered."""
    state: Annotated[PolicyState, BY_VALUE]
    """Where it is."""
    received_bytes: int = Field(ge=0)
    """So far."""
    episode: int | None = None
    """Of the run: in which it became active, or failed."""
    tick: int | None = Field(default=None, ge=0)
    """Of that episode: that of the first observation on which it acts, or on which it failed; 0 is
    where the episode begins."""
    refusal: Annotated[PolicyRefusal, BY_VALUE] | None = None
    """Why it was refused."""
    message: Text = ""
    """Why it was refused or rolled back, for people."""
    hint: Text = ""
    """What to do next."""


class RunStart(WireModel):
    """Learner to actor: drive by yourself. The actor takes the car if nobody has it."""

    type: Literal["run_start"] = "run_start"
    terms: RunTerms
    """What for, and until when."""


class RunStop(WireModel):
    """Learner to actor: stop. The wheel goes to neutral, and the car is free."""

    type: Literal["run_stop"] = "run_stop"
    why: Text = ""
    """For the log."""


class RunStatus(WireModel):
    """Actor to learner: how the run stands. After the welcome, at a change, with each episode."""

    type: Literal["run_status"] = "run_status"
    run: RunName | None
    """The last one; None if there was none."""
    driving: bool
    """Whether it goes on, or its last records are still on their way into the spool."""
    episodes: int = Field(ge=0)
    """Begun in it."""
    end: Annotated[RunEnd, BY_VALUE] | None = None
    """Why it is over, or could not begin; None while it goes on."""
    why: Text = ""
    """The same, for people."""
    hint: Text = ""
    """What to do next."""
    spool: SpoolName
    """Where its records are kept."""
    last: RecordNumber
    """The newest of them."""
    acknowledged: RecordNumber
    """The newest that the learner has."""
    dropped: int = Field(ge=0)
    """How many were given up, as the spool was full."""


class Records(WireModel):
    """Actor to learner: records of a run, without a gap between them."""

    type: Literal["records"] = "records"
    spool: SpoolName
    """Where they are kept until acknowledged."""
    first: RecordNumber
    """Number of the first; the others follow."""
    batch: str = Field(min_length=4, max_length=MESSAGE_BYTES)
    """Base64 of a MessagePack array of binaries, each of them a record."""


class Acknowledge(WireModel):
    """Learner to actor: I have all records up to this one, for good."""

    type: Literal["acknowledge"] = "acknowledge"
    spool: SpoolName
    """Whose."""
    upto: RecordNumber
    """The last of them."""
    room_upto: RecordNumber | None = None
    """There is room for records up to this one, which need not be acknowledged for good before they
    may be sent; None leaves it to the actor how many it sends ahead."""
