"""One frame for many: encoded once for all who get the same bytes. Pure."""

from __future__ import annotations

from websockets.frames import Frame, Opcode

from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Telemetry


class Broadcast:
    """A frame of the stream, on its way to everybody who subscribed.

    Args:
        frame: what is sent.
    """

    def __init__(self, frame: TelemetryFrame) -> None:
        self.frame = frame
        self._encoded: dict[tuple[str, int], bytes] = {}

    def encoded(self, codec: Codec, dropped: int) -> bytes:
        """Return the WebSocket frame that carries it to a reader who missed ``dropped`` frames."""
        key = codec.name, dropped
        data = self._encoded.get(key)
        if data is None:
            payload = codec.encode(Telemetry(frame=self.frame, dropped=dropped))
            websocket = Frame(Opcode.BINARY if codec.binary else Opcode.TEXT, payload)
            data = self._encoded[key] = websocket.serialize(mask=False)
        return data
