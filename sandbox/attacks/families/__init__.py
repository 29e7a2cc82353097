"""The scenarios, by family; `every_scenario` returns all of them."""

from qvl_agent.sandbox.attacks.families.moments import keys, policies, power, races
from qvl_agent.sandbox.attacks.families.places import files, secret_places, terminals, toolkits, untouchable
from qvl_agent.sandbox.attacks.families.words import (
    consequences,
    disguises,
    errands,
    lies,
    messages,
    replies,
    unread,
)
from qvl_agent.sandbox.attacks.scenario import Scenario

__all__ = ["every_scenario"]

_FAMILIES = (
    consequences,
    lies,
    disguises,
    unread,
    untouchable,
    power,
    keys,
    messages,
    terminals,
    files,
    races,
    replies,
    policies,
    errands,
    secret_places,
    toolkits,
)


def every_scenario() -> tuple[Scenario, ...]:
    """Return all scenarios, family by family.

    Raises:
        ValueError: Two scenarios have the same name.
    """
    made = tuple(scenario for family in _FAMILIES for scenario in family.scenarios())
    names = [scenario.name for scenario in made]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"each scenario needs a name of its own; these are used twice: {', '.join(twice)}")
    return made
