"""Three-valued logic: True, False and None for unknown (Kleene, E37)."""

from collections.abc import Iterable

Truth = bool | None


def both(left: Truth, right: Truth) -> Truth:
    """And: a False decides, otherwise an unknown stays unknown."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: Truth, right: Truth) -> Truth:
    """Or: a True decides, otherwise an unknown stays unknown."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def opposite(value: Truth) -> Truth:
    """Not: unknown stays unknown."""
    return None if value is None else not value


def all_true(values: Iterable[Truth]) -> Truth:
    """And over many; of nothing: True."""
    result: Truth = True
    for value in values:
        result = both(result, value)
    return result


def any_true(values: Iterable[Truth]) -> Truth:
    """Or over many; of nothing: False."""
    result: Truth = False
    for value in values:
        result = either(result, value)
    return result
