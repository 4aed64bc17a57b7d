"""Bounds of the wire, each with its reason."""

from __future__ import annotations

MESSAGE_BYTES = 64 * 1024
"""Largest encoded message. The largest we send, a frame with 125 observations as JSON, takes about
7 kB; nine times that leaves room for longer observations and still bounds what a peer can make us
hold. A larger one is refused by name and the session goes on."""

MESSAGE_TYPE_BYTES = {
    "hello": 48 * 1024,  # two texts, every character as two \u escapes, and 64 features: 45 kB
    "welcome": MESSAGE_BYTES,  # as many features as it likes, at some 100 bytes each
    "refusal": 28 * 1024,  # two texts: 25 kB
    "reset": 14 * 1024,  # a text, 12 kB: the operator's key
    "reset_progress": 1024,  # two numbers and a word
    "reset_result": MESSAGE_BYTES,  # an observation as long as it likes; frame and statics: 15 kB
    "step": 32 * 1024,  # 1 + 64 actions of 16 components of 24 digits, with spaces: 28 kB
    "step_result": MESSAGE_BYTES,  # an observation as long as it likes; its frame: 10 kB
    "release": 1024,  # nothing but its type
    "subscribe": 1024,  # two numbers
    "unsubscribe": 1024,  # nothing but its type
    "telemetry": 16 * 1024,  # a frame of the longest numbers and texts a page has: 10 kB
    "event": 14 * 1024,  # a text and two words: 12 kB
    "ping": 1024,  # two numbers
    "pong": 1024,  # four numbers: 150 bytes
    "failure": 52 * 1024,  # four texts: 49 kB
    "policy_offer": 1024,  # three numbers, two sums, a word
    "policy_chunk": 48 * 1024,  # 33 KiB as base64, and three fields: 45 kB
    "policy_status": 28 * 1024,  # two texts: 25 kB
    "run_start": 48 * 1024,  # a task with 16 rules of 16 constants of two texts: 40 kB
    "run_stop": 14 * 1024,  # a text: 12 kB
    "run_status": 28 * 1024,  # two texts and two names: 25 kB
    "records": MESSAGE_BYTES,  # as many as fit
    "acknowledge": 1024,  # a name and a number
}
"""Largest encoded message of each type: what its fields can come to in the longer codec, JSON with
everything but ASCII escaped, and some. Far more is not a message with a longer value, but somebody
who wants to be expensive. Nothing a learner sends is larger than a hello; the actor does not even
parse what is."""

WEBSOCKET_BYTES = 1024 * 1024
"""Largest WebSocket message that is read at all. Beyond it the connection is closed (1009): whoever
sends sixteen times the limit is not a peer with a bug in one message."""

OBSERVATION_ELEMENTS = 4096
"""Most elements of an observation: 32 times the largest profile published for this game."""

FEATURE_ELEMENTS = 512
"""Most elements of one feature: a ray for each degree of a circle, and some."""

FEATURES_ASKED = 64
"""Most features that an observation may be put together from: the longest profile has 40."""

ELEMENTS_ASKED = 512
"""Most elements of an observation put together by the learner: four times the longest profile; so
many take the actor a small share of a control period."""

ROAD_ELEMENTS_ASKED = 256
"""Most elements of it that are worked out from the track's shape, each of which costs most."""

ROAD_FEATURES_ASKED = 8
"""Most features of it that are worked out from the track's shape."""

FEATURE_OPTIONS = 4
"""Most options of one feature."""

TASK_CONSTANTS = 16
"""Most constants of a task or rule, and most rules of a task: twice what any has."""

PAST_TICKS = 16
"""How many control ticks an observation may look back: the actor keeps so many."""

ACTION_COMPONENTS = 16
"""Most components of an action: a wheel with three pedals and a few switches has fewer."""

CHUNK_BYTES = 33 * 1024
"""Most bytes of a policy in one message: as base64, a third more, no more than a hello may have, so
that an actor need not read anything longer."""

RECORD_BYTES = 45 * 1024
"""Largest record of a run: it must fit into a message in the same way. One with a frame and the
longest observation of one's own has 12 kB."""

POLICY_BYTES = 64 * 1024 * 1024
"""Largest policy: a network that one core answers with in a share of a tick has a tenth of it."""

NOISE_ELEMENTS = 1024
"""Most numbers drawn for a policy a tick: an action has 16 components at the most, and a network
that is noisy inside a few hundred."""

EXTRAS = 16
"""Most outputs of a policy beside the action: log_prob, value, what somebody wants to look at."""

EXTRA_ELEMENTS = 1024
"""Most numbers of one of these: a layer's activations, at the most."""

REWARD_TERMS = 32
"""Most numbers that a task tells beside the reward."""

TEXT_CHARACTERS = 1024
"""Longest text in a message: an error's sentence with its hint fits; a page's longest has 33."""

HELLO_TIMEOUT_S = 5.0
"""A client that connected says Hello within this time: a round trip takes at most a second."""

HANDSHAKE_TIMEOUT_S = 5.0
"""TLS, and the request to open a WebSocket, are each done within this time: a second would do for a
link around the world, and a packet or two may be lost."""

WRITE_BUFFER_BYTES = 64 * 1024
"""Bytes that may wait for a slow reader before its telemetry is thinned out: about twenty frames, a
third of a second at 60 Hz. A driver gets no more telemetry once so much was sent to it since it
last said anything: one that computes for a minute must find room for its heartbeats then."""

BITE_BYTES = 1024
"""Bytes of the driver that the actor takes in at a time: several steps. If it sends more at once,
the rest waits, a millisecond for each so many; ticks and everybody else do not wait."""

STRANGERS_BITE_BYTES = 64
"""Bytes of anybody else that are taken in at a time. Ten messages at the most, each with an answer:
what a turn of all of them together may take beyond its time."""

OUTBOX_BYTES = 1024 * 1024
"""Bytes that may wait for a reader at all. Answers and events are never left out, so a peer that
asks and does not read for this long is cut off."""

CONNECTIONS = 64
"""Connections an actor serves at once: one driver, and spectators for every screen in a lab."""

DRIVERS_WAITING = 8
"""Drivers that are connected and do not have the car: a team that takes turns. The other places are
spectators', so that whoever connects as a driver and does nothing takes none of them."""

DELAY_TICKS = 64
"""Longest delay of an action, and so most steps in flight: two thirds of a second at 100 Hz, which
is a round trip around the world with one loss on the way."""

PLAN_TICKS = 64
"""Most actions that one step may carry beyond its own."""

HEARTBEAT_S = 2.0
"""An actor that has said nothing to a client for this long says `ping`: so a client that waits can
tell a slow answer from a dead link, and nothing on the way takes the link for unused."""

SILENCE_S = 7.0
"""A client that waits for an answer and hears nothing at all for this long takes the link for dead
and connects again: three heartbeats may be lost, and one second late."""

KEEPALIVE = {
    "TCP_KEEPIDLE": 5,
    "TCP_KEEPINTVL": 2,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 11_000,
}
"""Options of both ends' sockets: seconds of silence before the first probe, seconds between probes,
how many may go unanswered, and the milliseconds that something sent may (no probe is sent while it
waits). A machine that lost power is found after 11 s, where the platform knows these options. The
last is not set for a spectator: it would also cut off one that does not read for as long."""

ID_LIMIT = 2**53
"""Ids are below it, so that languages whose numbers are doubles can repeat them."""
