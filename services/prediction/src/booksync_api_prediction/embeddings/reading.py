"""Rows as answers."""

from sqlalchemy import RowMapping

from booksync_api_prediction.embeddings.bodies import Embedding
from booksync_api_prediction.texts import TEXT_VERSION


def read_embedding(row: RowMapping) -> Embedding:
    """Make the answer of a row."""
    return Embedding(
        kind=row["kind"],
        id=row["item_id"],
        series_id=row["series_id"],
        number=row["number"],
        title=row["title"],
        kinds=row["kind_names"],
        authors=row["author_names"],
        publisher=row["publisher_name"],
        type=row["type_name"],
        adult=row["adult"],
        lang=row["lang"],
        model=row["model"],
        dimension=row["dimension"],
        content_hash=row["content_hash"].hex(),
        stale=row["text_version"] != TEXT_VERSION,
        embedded_at=row["embedded_at"],
        updated_at=row["updated_at"],
        vector=row.get("embedding"),
    )
