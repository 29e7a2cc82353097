"""The agent: open a desktop and a model, run tasks, read the answer and the evidence.

    from qvl_agent.agent import Agent, open_desktop, open_model

    with open_desktop("sandbox:chat") as desktop, open_model("oracle", desktop=desktop) as model:
        run = Agent(desktop, model).run("uncheck the pinned chat")
    print(run.status, run.verified, run.folder)

Names are imported on first use, so that importing the package stays cheap and does nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qvl_agent.actions.person import CallablePerson, Consent, Question
    from qvl_agent.actions.secrets import SecretValue
    from qvl_agent.actions.vault import Vault
    from qvl_agent.agent.agent import Agent, Run
    from qvl_agent.agent.session import open_desktop, open_model
    from qvl_agent.agent.watch import Watch

__all__ = [
    "Agent",
    "CallablePerson",
    "Consent",
    "Question",
    "Run",
    "SecretValue",
    "Vault",
    "Watch",
    "open_desktop",
    "open_model",
]


def __getattr__(name: str) -> Any:
    match name:
        case "Agent" | "Run":
            from qvl_agent.agent import agent as module
        case "CallablePerson" | "Consent" | "Question":
            from qvl_agent.actions import person as module  # type: ignore[no-redef]
        case "open_desktop" | "open_model":
            from qvl_agent.agent import session as module  # type: ignore[no-redef]
        case "SecretValue":
            from qvl_agent.actions import secrets as module  # type: ignore[no-redef]
        case "Vault":
            from qvl_agent.actions import vault as module  # type: ignore[no-redef]
        case "Watch":
            from qvl_agent.agent import watch as module  # type: ignore[no-redef]
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(module, name)
