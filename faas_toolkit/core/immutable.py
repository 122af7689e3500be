"""Values: what is made once and then only read. The type checker sees to that, and nothing guards them while they run.

A frozen dataclass sets each field by a call, where any other stores it; with some 300 fields set on the way of a lookup that is a
twentieth of the whole call (decision 0029).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import dataclass_transform, overload


@overload
def immutable[T](cls: type[T], /) -> type[T]: ...


@overload
def immutable[T](*, kw_only: bool = False, slots: bool = True, eq: bool = True) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable[T](
    cls: type[T] | None = None, /, *, kw_only: bool = False, slots: bool = True, eq: bool = True
) -> type[T] | Callable[[type[T]], type[T]]:
    """A dataclass whose fields are never assigned to, and which has a hash of them; arguments as for `dataclass`."""
    decorate = dataclass(slots=slots, kw_only=kw_only, eq=eq, unsafe_hash=eq)
    return decorate if cls is None else decorate(cls)
