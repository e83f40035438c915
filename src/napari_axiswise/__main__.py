"""``python -m napari_axiswise`` is the command ``napari-axiswise``."""

from .cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
