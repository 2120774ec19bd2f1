"""The one exception that a person sees as a line of text."""

from __future__ import annotations


class BootstrapError(Exception):
    """Something that the person who runs ``./bootstrap`` can act on.

    :param message: what, expected, got, and what to do; further lines list the things concerned
    """


class ContentError(BootstrapError):
    """What was to be put into the store is not what the lock says."""
