"""The agent: open a desktop and a model, run tasks, read the answer and the evidence.

    from qvl_agent.agent import Agent, open_desktop, open_model

    with open_desktop("sandbox:chat") as desktop, open_model("oracle", desktop=desktop) as model:
        run = Agent(desktop, model).run("uncheck the pinned chat")
    print(run.status, run.verified, run.folder)

Names are imported on first use, so that importing the package stays cheap and does nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qvl_agent.actions.execution.person import CallablePerson, Consent, Question
    from qvl_agent.actions.planning.placeholders import SecretValue
    from qvl_agent.actions.secrets.vault import Vault
    from qvl_agent.agent.flows.api import Flow
    from qvl_agent.agent.flows.run.runner import FlowRun
    from qvl_agent.agent.flows.session import FlowFailed, Session, see, session
    from qvl_agent.agent.opening import open_desktop, open_model
    from qvl_agent.agent.run.agent import Agent, Run
    from qvl_agent.agent.run.events import RunEvent

__all__ = [
    "Agent",
    "CallablePerson",
    "Consent",
    "Flow",
    "FlowFailed",
    "FlowRun",
    "Question",
    "Run",
    "RunEvent",
    "SecretValue",
    "Session",
    "Vault",
    "open_desktop",
    "open_model",
    "see",
    "session",
]


def __getattr__(name: str) -> Any:
    match name:
        case "Agent" | "Run":
            from qvl_agent.agent.run import agent as module
        case "CallablePerson" | "Consent" | "Question":
            from qvl_agent.actions.execution import person as module  # type: ignore[no-redef]
        case "Flow":
            from qvl_agent.agent.flows import api as module  # type: ignore[no-redef]
        case "FlowFailed" | "Session" | "see" | "session":
            from qvl_agent.agent.flows import session as module  # type: ignore[no-redef]
        case "FlowRun":
            from qvl_agent.agent.flows.run import runner as module  # type: ignore[no-redef]
        case "open_desktop" | "open_model":
            from qvl_agent.agent import opening as module  # type: ignore[no-redef]
        case "SecretValue":
            from qvl_agent.actions.planning import placeholders as module  # type: ignore[no-redef]
        case "Vault":
            from qvl_agent.actions.secrets import vault as module  # type: ignore[no-redef]
        case "RunEvent":
            from qvl_agent.agent.run import events as module  # type: ignore[no-redef]
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(module, name)
