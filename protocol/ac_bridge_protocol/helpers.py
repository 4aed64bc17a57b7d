"""Two small things that every package needs. Pure."""

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
