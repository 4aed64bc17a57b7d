"""Small things that every package needs. Pure."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

from ac_bridge_protocol.errors import SettingError

T = TypeVar("T")


def choose(choices: Mapping[str, T], name: str, *, setting: str) -> T:
    """Return the choice of that name.

    Raises:
        SettingError: there is none; lists those that there are.
    """
    if name not in choices:
        raise SettingError(
            f"There is no {setting} {name!r}.",
            setting=setting,
            hint=f"Choose one of: {', '.join(choices)}.",
        )
    return choices[name]


class GrowingWaits:
    """Waits that double from the first to the longest one, so that nothing is tried in a frenzy.

    Args:
        first_s: the wait after the first failure, in seconds.
        longest_s: no wait is longer.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return how long to wait after one more failure."""
        wait_s, self._next_s = self._next_s, min(2.0 * self._next_s, self._longest_s)
        return wait_s

    def start_over(self) -> None:
        """Begin with the first wait again: something went well."""
        self._next_s = self._first_s


class Closing(AbstractContextManager[Any]):
    """Something with a `close`, which ``with`` calls."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of everything. May be called twice."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
