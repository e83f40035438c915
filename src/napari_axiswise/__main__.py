"""``python -m napari_axiswise`` is the command ``napari-axiswise``."""

import sys

# Python looks into the current folder first, where a file could replace a module of a library. The command does not.
if __name__ == "__main__" and not sys.flags.safe_path:
    sys.path.append(sys.path.pop(0))

from .cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
