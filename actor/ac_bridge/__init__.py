"""The gaming PC's side: telemetry, the virtual wheel, the game's clock, and the server.

Most users need `ACBridgeLocal` and `RealTimeStepper`, which drive a game on this machine without
a network. The actor that serves a game over WebSocket is the command ``ac-bridge actor``.
"""

from ac_bridge.control.smoothing import AxisSmoothing, SmoothingConfig
from ac_bridge.local import ACBridgeLocal, RealTimeStepper
from ac_bridge.pacing import Ticker
from ac_bridge_protocol.errors import ACBridgeError
from ac_bridge_protocol.frame import TelemetryFrame

__all__ = [
    "ACBridgeError",
    "ACBridgeLocal",
    "AxisSmoothing",
    "RealTimeStepper",
    "SmoothingConfig",
    "TelemetryFrame",
    "Ticker",
]
