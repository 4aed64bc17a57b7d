"""The stand-in game: a real program that publishes Assetto Corsa's pages and reads a wheel.

It needs neither Windows nor the game, and in lockstep it runs many times faster than real time.
What it does not model is said in the modules: `circuit`, `chassis`, `drivetrain`, `vehicle`,
`session` and `pages`.
"""

from ac_bridge.standin.circuit import Circuit
from ac_bridge.standin.clock import LockstepClock
from ac_bridge.standin.game import StandinGame
from ac_bridge.standin.layouts import default_circuit
from ac_bridge.standin.wheel import InputSettings

__all__ = ["Circuit", "InputSettings", "LockstepClock", "StandinGame", "default_circuit"]
