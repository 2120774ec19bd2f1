"""Why a volume is suggested, in sentences that are made of facts: a fact that is not known makes no sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from booksync_api_prediction.languages import Language


@dataclass(frozen=True)
class Grounds:
    """The facts."""

    title: str | None = None
    number: int | None = None
    last_read: int | None = None
    is_begun: bool = False
    fitting_kinds: Sequence[str] = ()  # genres of the volume that suit the mood or the answers
    fitting_phrases: Sequence[str] = ()  # what they suit
    series_length: int | None = None  # given when it is what the answers ask for
    close_to: str | None = None  # a series that was read, and that this one is similar to
    usual_kinds: Sequence[str] = ()  # genres of the volume that are read often
    was_liked: bool = False


def give_reasoning(grounds: Grounds, language: Language) -> str:
    """Put the facts into sentences."""
    sentences = [sentence for make in _SENTENCES if (sentence := make(grounds, language))]
    if len(sentences) == 1:
        sentences.append(
            "Choisi dans votre pile, sans autre indice."
            if language == "fr"
            else "Chosen from your pile, with nothing else to go by."
        )
    return " ".join(sentences)


def _name(grounds: Grounds, language: Language) -> str:
    if language == "fr":
        number = "" if grounds.number is None else f", tome {grounds.number}"
        return f"« {grounds.title} »{number}." if grounds.title else f"Un volume de votre pile{number}."
    number = "" if grounds.number is None else f", volume {grounds.number}"
    return f"“{grounds.title}”{number}." if grounds.title else f"A volume of your pile{number}."


def _go_on(grounds: Grounds, language: Language) -> str | None:
    follows = grounds.last_read is not None and grounds.number == grounds.last_read + 1
    if follows:
        if language == "fr":
            return f"Vous avez lu le tome {grounds.last_read} : voici la suite."
        return f"You have read volume {grounds.last_read}: this one comes next."
    if grounds.is_begun:
        return "Une série que vous avez commencée." if language == "fr" else "A series that you have begun."
    if grounds.number == 1:
        return "Le début d'une série." if language == "fr" else "The beginning of a series."
    return None


def _fit(grounds: Grounds, language: Language) -> str | None:
    if not grounds.fitting_kinds or not grounds.fitting_phrases:
        return None
    kinds = _join(grounds.fitting_kinds, language)
    phrases = _join(grounds.fitting_phrases, language)
    return f"{kinds} : cela va avec {phrases}." if language == "fr" else f"{kinds}: this goes with {phrases}."


def _length(grounds: Grounds, language: Language) -> str | None:
    if grounds.series_length is None:
        return None
    count = grounds.series_length
    if language == "fr":
        return f"La série compte {count} {'tome' if count == 1 else 'tomes'}, comme vous le souhaitez."
    return f"The series has {count} {'volume' if count == 1 else 'volumes'}, as you wish."


def _taste(grounds: Grounds, language: Language) -> str | None:
    if grounds.close_to:
        if language == "fr":
            return f"Proche de « {grounds.close_to} », que vous avez lu."
        return f"Close to “{grounds.close_to}”, which you have read."
    if grounds.usual_kinds:
        kinds = _join(grounds.usual_kinds, language)
        return f"Vous lisez souvent : {kinds}." if language == "fr" else f"You often read: {kinds}."
    return None


def _liked(grounds: Grounds, language: Language) -> str | None:
    if not grounds.was_liked:
        return None
    return "Vous avez aimé cette série." if language == "fr" else "You have liked this series."


_SENTENCES: Sequence[Callable[[Grounds, Language], str | None]] = (_name, _go_on, _fit, _length, _taste, _liked)


def _join(words: Sequence[str], language: Language) -> str:
    *first, last = words
    conjunction = "et" if language == "fr" else "and"
    return f"{', '.join(first)} {conjunction} {last}" if first else last
