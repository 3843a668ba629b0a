"""DOC."""

from collections.abc import Mapping, Sequence


def waves(dependencies: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The names in waves: each after all it depends on, in the given order otherwise; a circle comes last, together."""
    left, done, result = list(dependencies), set[str](), list[list[str]]()
    while left:
        wave = [
            name
            for name in left
            if all(other in done or other not in dependencies or other == name for other in dependencies[name])
        ] or left[:]
        result.append(wave)
        done.update(wave)
        left = [name for name in left if name not in done]
    return result
