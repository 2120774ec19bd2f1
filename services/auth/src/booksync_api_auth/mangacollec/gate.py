"""Whether Mangacollec may be asked now.

A site that is down is not helped by being asked more, and each question would hold a request for seconds: so after
some failures in a row nobody asks for a while, and then one does, to see. When the site itself says how long to wait,
that is how long.
"""

import time
from collections.abc import Callable

from booksync_api_auth.mangacollec.problems import unavailable

#: Failures in a row before the gate closes.
MAX_FAILURES = 3
# s
REST = 30.0
#: Of what the site asks for with 429; a day would be a mistake, and its operator could not undo it.
MAX_PAUSE = 3600.0
#: s; where the site does not say how long.
DEFAULT_PAUSE = 60.0


class Gate:
    """A circuit breaker. Callers take turns, so that at most one tries whether the site is back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin open.

        :param clock: s, monotonic
        """
        self._clock = clock
        self._failures = 0
        self._closed_until: float | None = None

    @property
    def rest(self) -> float:
        """Seconds until it opens; 0 when it is open."""
        return 0.0 if self._closed_until is None else max(0.0, self._closed_until - self._clock())

    def check(self) -> None:
        """Let a question through, or not.

        :raises ProblemError: 502 mangacollec_unavailable.
        """
        if (rest := self.rest) > 0:
            detail = "Mangacollec is left alone for a while, as it has failed repeatedly or asked for it."
            raise unavailable(detail, retry_after=rest)

    def note_answer(self) -> None:
        """Note that the site does its work."""
        self._failures = 0
        self._closed_until = None

    def note_failure(self) -> None:
        """Note that it does not; after a rest, one more failure is enough."""
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            self._closed_until = self._clock() + REST

    def pause(self, seconds: float | None) -> None:
        """Leave the site alone, as it has asked; None where it does not say how long."""
        self._closed_until = self._clock() + min(DEFAULT_PAUSE if seconds is None else seconds, MAX_PAUSE)
