"""The scenarios, by family: `every_scenario` lists them all."""

from qvl_agent.sandbox.attacks.families import consequences
from qvl_agent.sandbox.attacks.scenario import Scenario

__all__ = ["every_scenario"]


def every_scenario() -> tuple[Scenario, ...]:
    """List all scenarios, family by family.

    Raises:
        ValueError: two have one name.
    """
    made = (*consequences.scenarios(),)
    names = [scenario.name for scenario in made]
    if len(set(names)) != len(names):
        raise ValueError(f"two scenarios have one name: {sorted(names)}")
    return made
