"""What the name of a desktop or of a model means: asked here, and nowhere else.

Another package adds a kind of desktop or model by an entry point; docs/plugins.md shows how.
"""

from qvl_agent.agent.registry.kinds import DesktopKind, ModelKind
from qvl_agent.agent.registry.lookup import desktop_kind, model_kind

__all__ = ["DesktopKind", "ModelKind", "desktop_kind", "model_kind"]
