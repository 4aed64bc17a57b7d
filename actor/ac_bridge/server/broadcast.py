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
        self._payloads: dict[tuple[str, int], bytes] = {}
        self._encoded: dict[tuple[str, int, bool], bytes] = {}

    def payload(self, codec: Codec, dropped: int) -> bytes:
        """Return the message that it is, for a reader who missed so many frames."""
        key = codec.name, dropped
        data = self._payloads.get(key)
        if data is None:
            message = Telemetry(frame=self.frame, dropped=dropped)
            data = self._payloads[key] = codec.encode(message)
        return data

    def encoded(self, codec: Codec, dropped: int, *, mask: bool) -> bytes:
        """Return the WebSocket frame that carries it to a reader.

        Args:
            codec: of the reader.
            dropped: frames that it missed.
            mask: as those do who dialled. One mask serves all readers: what masks are for, a peer
                that chooses the bytes of others, is not the case with frames of the game.
        """
        key = codec.name, dropped, mask
        data = self._encoded.get(key)
        if data is None:
            payload = self.payload(codec, dropped)
            websocket = Frame(Opcode.BINARY if codec.binary else Opcode.TEXT, payload)
            data = self._encoded[key] = websocket.serialize(mask=mask)
        return data
