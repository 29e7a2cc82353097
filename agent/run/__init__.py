"""One run of one task, from the first capture of the screen to the last line of the journal."""

import lazy_loader

# What others may use, imported when it is first used: the list is in __init__.pyi, docs/api.md says more.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
