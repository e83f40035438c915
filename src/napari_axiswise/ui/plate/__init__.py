"""The plate view: a plate as one layer of the viewer."""
