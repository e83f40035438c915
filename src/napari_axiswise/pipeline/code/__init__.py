"""The code of steps: how it goes to workers, and how it is compared."""
