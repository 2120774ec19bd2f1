"""The real model, from its folder and without a network, makes the vectors that the schema expects."""

import importlib.util
import math

import pytest

from booksync_api_prediction.model import Model
from booksync_api_prediction.settings import PredictionSettings

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        all(importlib.util.find_spec(name) is None for name in ("torch", "onnxruntime")),
        reason="neither torch nor onnxruntime is installed",
    ),
    pytest.mark.skipif(not PredictionSettings().model_path.is_dir(), reason="there is no model"),
    # of libraries that are only loaded here
    pytest.mark.filterwarnings("ignore"),
]


async def test_sentences_with_one_meaning_are_closer_than_others() -> None:
    model = Model(PredictionSettings.load(environment="production", database_url="postgresql://host/booksync"))
    try:
        await model.start()
        check = await model.check()
        first, second, other = await model.encode(
            ["A boy wants to become a pirate.", "A young man dreams of being a pirate.", "Cooking rice takes water."]
        )
    finally:
        await model.stop()
    assert (check.status, check.facts["dimension"], check.facts["device"]) == ("ok", 384, "cpu")
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in (first, second, other))
    assert math.sumprod(first, second) > math.sumprod(first, other) + 0.3
