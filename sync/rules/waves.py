"""Order by dependency: names in waves, each after those it depends on. Pure."""

from collections.abc import Mapping, Sequence


def sort_into_waves(dependencies: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the names in waves, each after all it depends on; within a wave in the given order.

    A name that is not given, or that depends on itself, holds nothing up. Names that depend on each other in a circle
    come last, together.
    """
    remaining, done, result = list(dependencies), set[str](), list[list[str]]()
    while remaining:
        wave = [
            name
            for name in remaining
            if all(other in done or other not in dependencies or other == name for other in dependencies[name])
        ] or remaining[:]
        result.append(wave)
        done.update(wave)
        remaining = [name for name in remaining if name not in done]
    return result
