"""How instruments and formats lay out planes in files and folders."""
