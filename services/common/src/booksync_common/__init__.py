"""What the services of BookSync have in common."""

#: Of all packages here: they are released together. Not read from what is installed, as a checkout need not be.
__version__ = "1.0.0"
