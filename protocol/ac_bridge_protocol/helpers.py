"""Small things that every package needs. Pure."""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping
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


def reset_options(
    options: Mapping[str, Any] | None, known: Collection[str], *, hint: str
) -> Mapping[str, Any]:
    """Return the options of a reset, as Gymnasium hands them on; empty if there are none.

    Args:
        options: by their names.
        known: the names that somebody reads.
        hint: says which these are.

    Raises:
        SettingError: one that nobody would read.
    """
    options = options or {}
    for name in options:
        if name not in known:
            raise SettingError(
                f"There is no reset option {name!r:.80}.", setting="options", hint=hint
            )
    return options


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
