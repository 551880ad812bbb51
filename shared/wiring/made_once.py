"""An attribute that is made when it is first asked for, once, whatever number of threads asks."""

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
_LOCK = RLock()  # one for all: an adapter is made from others, and two locks could wait for each other


class made_once(Generic[T]):
    """As `functools.cached_property`, which since Python 3.12 makes two when two threads ask at once."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make, self._name, self.__doc__ = make, make.__name__, make.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Any]) -> "made_once[T]": ...
    @overload
    def __get__(self, owner: object, kind: type[Any]) -> T: ...
    def __get__(self, owner: object | None, kind: type[Any]) -> "made_once[T] | T":
        if owner is None:
            return self
        with _LOCK:
            kept = vars(owner)
            if self._name not in kept:
                kept[self._name] = self._make(owner)
            made: T = kept[self._name]
            return made
