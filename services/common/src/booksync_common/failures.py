"""Why a service cannot go on, as one line that a person can act on."""


class FatalError(Exception):
    """The service cannot do its work, and waiting will not help: it says so in one line and ends."""


class ConfigurationError(FatalError):
    """An environment variable is missing or wrong; the message starts with its name."""
