"""Names of individuals that survive every rebuilding of the catalogue."""

from collections.abc import Mapping, Sequence

from labeling_configs.vocabulary import AnimalId, Individual, IndividualId


class BadCode(ValueError):
    """A former name that is not W followed by digits."""


def name_individuals(
    components: Sequence[Sequence[AnimalId]], previous: Mapping[AnimalId, IndividualId], highest_used: int = 0
) -> tuple[Individual, ...]:
    """Give each component the lowest former code of its animals, or the next new one (W0001, W0002, ...).

    When an individual was split, its code stays with the part that has most of its former sightings, then with the
    oldest one. `highest_used` is the highest number ever given, so that a code lost in a merge never returns.
    """
    claims = sorted(
        (number(code), -_held(component, code, previous), place, code)
        for place, component in enumerate(components)
        for code in {previous[animal] for animal in component if animal in previous}
    )
    codes: dict[int, IndividualId] = {}
    for _, _, place, code in claims:
        if place not in codes and code not in codes.values():
            codes[place] = code
    following = max([highest_used, *map(number, previous.values())]) + 1
    for place in range(len(components)):
        if place not in codes:
            codes[place], following = IndividualId(f"W{following:04d}"), following + 1
    return tuple(Individual(codes[place], tuple(component)) for place, component in enumerate(components))


def number(code: IndividualId) -> int:
    """Return the number in a code such as W0012."""
    if not (code[:1] == "W" and code[1:].isdecimal()):
        raise BadCode(f"{code!r} is no individual's code: expected W and digits, such as W0012")
    return int(code[1:])


def _held(component: Sequence[AnimalId], code: IndividualId, previous: Mapping[AnimalId, IndividualId]) -> int:
    return sum(previous.get(animal) == code for animal in component)
