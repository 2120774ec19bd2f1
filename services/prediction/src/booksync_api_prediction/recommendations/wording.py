"""Why a series is recommended, in a sentence made of facts."""

from booksync_api_prediction.languages import Language
from booksync_api_prediction.recommendations.recommending import Rated
from booksync_api_prediction.similarity.reasons import give_reasons


def word(rated: Rated, language: Language) -> str:
    """Say it."""
    if rated.closest is None:
        return "Arrivée récemment dans la bibliothèque." if language == "fr" else "A recent addition to the library."
    reasons = ", ".join(reason.text for reason in give_reasons(rated.cosine, rated.overlap, language))
    title = rated.closest["title"]
    if language == "fr":
        sentence = f"Parce que vous avez lu « {title} »" if title else "Parce que cela ressemble à vos lectures"
        return f"{sentence} : {reasons}." if reasons else f"{sentence}."
    sentence = f"Because you have read “{title}”" if title else "Because it is like what you read"
    return f"{sentence}: {reasons}." if reasons else f"{sentence}."
