"""From what oras said to what the person at the terminal can do.

oras keeps a registry's own error codes when it sends some (distribution specification, "Error Codes": `denied: …`), and
gives the HTTP status otherwise (`response status code 503: …`); what Go's network library says comes as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from booksync_apps.errors import AppError

AGAIN = "{arrived} arrived and are kept: the same command goes on from there"
TRUST = "add the CA that signed it to the system's, or name its file in SSL_CERT_FILE; --insecure skips this"
PLAIN = "--insecure allows plain HTTP for this registry"


@dataclass(frozen=True)
class Failure:
    """One kind of failure.

    :param said: what oras says then, a regular expression
    :param what, way_out: texts of the error, with the fields of Circumstances and {said}
    """

    kind: str
    said: str
    what: str
    way_out: str


#: The first whose expression is found.
FAILURES = (
    Failure(
        kind="source",
        said=r"from source OCI layout",
        what="{subject}: the image's layout here cannot be read: {said}",
        way_out="check the Nix store: nix-store --verify --check-contents",
    ),
    Failure(
        kind="untrusted",
        said=r"x509:|failed to verify certificate",
        what="{registry}: its certificate is not trusted: {said}",
        way_out=TRUST,
    ),
    Failure(
        kind="plain",
        said=r"server gave HTTP response to HTTPS client",
        what="{registry}: expected TLS (https), got plain HTTP",
        way_out=PLAIN,
    ),
    Failure(
        kind="busy",
        said=r"toomanyrequests|status code 429|too many requests",
        what="{registry} limits how often it is asked (429), at {subject}: {said}",
        way_out=f"wait a little; {AGAIN}",
    ),
    Failure(
        kind="refused",
        said=r"unauthorized|denied|credential|status code 40[13]\b",
        what="{registry} refused {subject}: {said}\n  credentials file: {credentials}",
        way_out="docker login {registry}, or oras login {registry}, as somebody who may push there",
    ),
    Failure(
        kind="full",
        said=r"no space|insufficient storage|quota|status code 507|status code 413",
        what="{registry} has no room for {subject}: {said}",
        way_out=f"make room there or raise the quota; {AGAIN}",
    ),
    Failure(
        kind="old",
        said=r"manifest invalid|unsupported|media ?type|status code 415",
        what="{registry} does not take {subject}: {said}",
        way_out="images need a registry that knows OCI indexes (Docker's does since 2.7); "
        "one that refuses the artifacts about them gets the images alone: --no-artifacts",
    ),
    Failure(
        kind="broken",
        said=r"(?<![a-z] )unknown: |status code 5\d\d",
        what="{registry} failed at {subject}: {said}",
        way_out=f"its log tells why, often it is out of space; {AGAIN}",
    ),
    Failure(
        kind="unknown",
        said=r"name unknown|name invalid|status code 40[45]|not found",
        what="{registry} does not know the repository of {subject}: {said}",
        way_out="is it a registry, and does the namespace (project, group) exist there?",
    ),
    Failure(
        kind="gone",
        said=(
            r"connection re(fused|set)|broken pipe|\bEOF\b|no such host|timeout|timed out|server closed|"
            r"use of closed network connection|no route|unreachable|malformed HTTP"
        ),
        what="{registry}: the connection failed during {subject}: {said}",
        way_out=AGAIN,
    ),
    Failure(
        kind="other",
        said=r"",
        what="{registry} failed at {subject}: {said}",
        way_out=AGAIN,
    ),
)


#: What is said otherwise when nothing is pushed.
PULLING = (
    *(failure for failure in FAILURES if failure.kind in ("untrusted", "plain")),
    Failure(
        kind="refused",
        said=r"unauthorized|denied|credential|status code 40[13]\b",
        what="{registry} refused {subject}: {said}\n  credentials file: {credentials}",
        way_out="docker login {registry}, or oras login {registry}, as somebody who may pull there",
    ),
    Failure(
        kind="unknown",
        said=r"name unknown|name invalid|manifest unknown|blob unknown|status code 40[45]|not found",
        what="{registry} does not have {subject}: {said}",
        way_out="are the registry, the namespace, the name and the tag right?",
    ),
    Failure(
        kind="other",
        said=r"",
        what="{registry} failed at {subject}: {said}",
        way_out="try again, and see the registry's log",
    ),
)


@dataclass(frozen=True)
class Circumstances:
    """What was going on when oras failed.

    :param subject: what was pushed or pulled: image and repository
    :param credentials: which credentials file was looked at, and whether it knows the registry
    :param arrived: the bytes that did arrive, for people
    """

    registry: str
    subject: str
    credentials: str
    arrived: str


def shorten(text: str) -> str:
    """Return oras's message on one line, without its headings, and without what may be secret in URLs."""
    text = re.sub(r'(https?://[^\s"?]+)\?[^\s"]*', r"\1", text)
    text = re.sub(r"//[^\s/@]+@", "//", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if line.startswith("Error")), lines[0] if lines else "")
    return re.sub(r'^Error(?: response from registry| from destination registry for "[^"]*")?: ', "", line)


def classify(text: str, failures: Sequence[Failure] = FAILURES) -> Failure:
    """Return the kind of failure that oras speaks of."""
    return next(failure for failure in failures if re.search(failure.said, text, re.IGNORECASE))


def explain(text: str, *, circumstances: Circumstances, failures: Sequence[Failure] = FAILURES) -> AppError:
    """Turn what oras said into an error that names the thing, what came, and the way out."""
    failure = classify(text, failures)
    fields = {**vars(circumstances), "said": shorten(text)}
    return AppError(failure.what.format(**fields), way_out=failure.way_out.format(**fields))
