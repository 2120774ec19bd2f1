"""Vectors of texts that come again and again, such as those of the moods: computed once."""

import math
from collections.abc import Sequence

from booksync_api_prediction.model import Model
from booksync_common.parts import Part


class Phrases(Part):
    """A model with a memory, for texts of ours; not for what clients send, of which there is no end."""

    name = "phrases"

    def __init__(self, model: Model) -> None:
        """Remember the model."""
        self._model = model
        self._known: dict[str, list[float]] = {}

    async def mean(self, texts: Sequence[str]) -> list[float] | None:
        """Return the direction that texts have in common; None without texts, or without a model.

        :raises ProblemError: 503, when too many texts wait to be embedded.
        """
        if not texts or not self._model.is_loaded:
            return None
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(new, await self._model.encode(new), strict=True)
        total = [math.fsum(values) for values in zip(*(self._known[text] for text in texts), strict=True)]
        length = math.hypot(*total)
        # opposite directions have none in common
        return [value / length for value in total] if length > 1e-6 else None
