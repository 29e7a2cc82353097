"""Make a flow of a recorded run: one step for each action that was needed, and proof that each worked."""

import lazy_loader

# What others may use, imported when it is first used: the list is in __init__.pyi, docs/api.md says more.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
