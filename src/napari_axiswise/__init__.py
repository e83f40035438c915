"""Run image analysis over plates and time-lapses, split by whichever component you choose."""

import lazy_loader as _lazy

# Loaded when first used: a worker process gets by with little, and never meets Qt or napari.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
