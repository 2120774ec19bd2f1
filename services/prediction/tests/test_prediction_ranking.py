"""On the labelled library, with the real model, each ranking of the service is better than what would be simpler."""

import os
from pathlib import Path

import pytest

from booksync_api_prediction.settings import PredictionSettings
from booksync_prediction_ranking.serving import serve_library

MODELS = Path(os.environ.get("BOOKSYNC_MODELS", PredictionSettings.model_fields["booksync_models"].default))

pytestmark = pytest.mark.skipif(not (MODELS / "all-MiniLM-L6-v2").is_dir(), reason="there is no model")

#: By how much it is better at least, in nDCG@10: by more than chance (bench/ranking.md has 0.1 and more).
MARGIN = 0.05


async def test_each_ranking_beats_each_baseline() -> None:
    async with serve_library() as served:
        predictions, similar = await served.compare_predictions(), await served.compare_similar()
    quality = {name: halves.held for name, halves in predictions.items()}
    fused = quality.pop("fused")
    assert quality.keys() == {"cosine only", "most popular", "random"}
    assert fused.ndcg > max(other.ndcg for other in quality.values()) + MARGIN
    assert fused.hit_rate > max(other.hit_rate for other in quality.values())
    gains = {name: halves.held for name, halves in similar.items()}
    best = gains.pop("fused")
    assert gains.keys() == {"cosine only", "random"}
    assert best > max(gains.values()) + MARGIN
