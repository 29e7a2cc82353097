"""What a flow goes over: rows of data, a queue that survives every death, and a file of what came of it."""

import lazy_loader

# What others may use, imported when it is first used: the list is in __init__.pyi, docs/api.md says more.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
