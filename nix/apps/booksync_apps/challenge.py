"""What a registry that answers 401 asks for: the challenges of WWW-Authenticate (RFC 9110, section 11.6.1)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
#: A challenge's scheme, or one of its parameters: a token or a quoted string (sections 5.6.2 and 5.6.4) after a =.
PART = re.compile(rf'(?P<name>{WORD})(?:[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>{WORD})))?')


@dataclass(frozen=True)
class Challenge:
    """One way to be let in.

    :param scheme: in small letters
    :param parameters: name in small letters -> value
    """

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> Iterator[Challenge]:
    """Yield the challenges of a header, or of several that are joined by commas, in their order."""
    challenge = None
    for part in PART.finditer(header):
        name, quoted, token = part["name"].lower(), part["quoted"], part["token"]
        if quoted is None and token is None:
            if challenge is not None:
                yield challenge
            challenge = Challenge(name)
        elif challenge is not None:
            challenge.parameters[name] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    if challenge is not None:
        yield challenge


def choose_challenge(header: str, schemes: Iterable[str]) -> Challenge:
    """Return the first challenge of one of the schemes, one without a scheme where there is none."""
    return next((found for found in parse_challenges(header) if found.scheme in schemes), Challenge(""))
