"""The rules of the ranking hold whatever is in a pile: order of volumes, scores from 0 to 1, confidence, no repeats."""

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booksync_api_prediction.languages import Language
from booksync_api_prediction.predictions.bodies import Answer
from booksync_api_prediction.predictions.candidates import Candidate, Volume, find_next
from booksync_api_prediction.predictions.outcomes import Outcomes
from booksync_api_prediction.predictions.ranking import rank
from booksync_api_prediction.predictions.reasoning import Grounds, give_reasoning
from booksync_api_prediction.predictions.scoring import (
    NAMES,
    Features,
    apply_feedback,
    match_profile,
    measure_confidence,
    measure_evidence,
    rate_length,
    rate_progress,
    score_features,
    stretch,
)
from booksync_api_prediction.predictions.vocabulary import load_vocabulary
from booksync_api_prediction.predictions.wishes import read_wish
from booksync_api_prediction.weights import NEUTRAL

SHARE = st.floats(0, 1)
PERHAPS = SHARE | st.none()
FEATURES = st.builds(Features, PERHAPS, PERHAPS, PERHAPS, PERHAPS, PERHAPS)
ASKED = st.frozensets(st.sampled_from(sorted(NAMES)))
FEEDBACK = st.floats(-1, 1)


def make_id(number: int) -> UUID:
    """Make an id."""
    return UUID(int=number)


@st.composite
def volumes(draw: st.DrawFn) -> list[Volume]:
    """Draw volumes of few series and editions, so that they meet."""
    drawn = []
    for number in range(draw(st.integers(0, 15))):
        series = draw(st.sampled_from([None, 1001, 1002]))
        edition = None if series is None else draw(st.sampled_from([None, 10 * series, 10 * series + 1]))
        drawn.append(
            Volume(
                make_id(number),
                series_id=None if series is None else make_id(series),
                edition_id=None if edition is None else make_id(edition),
                number=draw(st.none() | st.integers(0, 8)),
            )
        )
    return drawn


@given(volumes(), st.sets(st.integers(0, 14)), st.booleans())
def test_next_is_unread_and_nothing_of_its_run_comes_before_it(
    owned: list[Volume], read_numbers: set[int], is_complete: bool
) -> None:
    read = [volume for volume in owned if volume.id.int in read_numbers]
    found = find_next(owned, read, is_complete=is_complete)
    unread = [volume for volume in owned if volume not in read]
    for candidate in found:
        volume = candidate.volume
        assert volume in unread
        for other in unread:
            if other.run == volume.run and other.number is not None:
                assert volume.number is not None
                assert volume.number <= other.number
    # one of each series that has anything unread
    works = [candidate.volume.work for candidate in found]
    assert len(works) == len(set(works))
    assert set(works) == {volume.work for volume in unread}


@given(volumes(), st.randoms(use_true_random=False))
def test_order_of_the_pile_does_not_matter(owned: list[Volume], random: object) -> None:
    shuffled = list(owned)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert find_next(shuffled, [], is_complete=False) == find_next(owned, [], is_complete=False)


def volume(number: int, *, series: int = 1001, edition: int | None = None) -> Volume:
    """Make a volume of a series."""
    key = series * 100 + (edition or 0) * 10 + number
    return Volume(make_id(key), make_id(series), None if edition is None else make_id(edition), number)


@pytest.mark.parametrize(
    ("owned", "read", "is_complete", "has_gap"),
    [
        ([4, 5], [1, 2, 3], True, False),
        ([5], [1, 2, 3], True, True),
        ([5], [], True, True),
        ([5], [], False, False),
        ([1], [], True, False),
        ([2], [5], True, False),
        ([0], [], True, False),
    ],
)
def test_missing_volume_before_it_is_a_gap(owned: list[int], read: list[int], is_complete: bool, has_gap: bool) -> None:
    (candidate,) = find_next([volume(n) for n in owned], [volume(n) for n in read], is_complete=is_complete)
    assert (candidate.volume.number, candidate.has_gap) == (min(owned), has_gap)


def test_volume_of_an_unknown_edition_was_read_in_any() -> None:
    read = [volume(2)]
    (candidate,) = find_next([volume(3, edition=1)], read, is_complete=True)
    assert (candidate.last_read, candidate.has_gap) == (2, False)


def test_of_two_editions_the_one_that_was_begun_goes_on() -> None:
    owned = [volume(1, edition=1), volume(2, edition=1), volume(3, edition=2)]
    read = [volume(2, edition=2), volume(1, edition=2)]
    (candidate,) = find_next(owned, read, is_complete=True)
    assert (candidate.volume, candidate.last_read, candidate.is_begun) == (owned[2], 2, True)


@given(FEATURES, ASKED)
def test_score_is_from_0_to_1(features: Features, asked: frozenset[str]) -> None:
    assert 0 <= score_features(features, asked) <= 1 + 1e-9


@given(FEATURES, ASKED, st.sampled_from(sorted(NAMES)), SHARE, SHARE)
def test_better_feature_is_never_a_worse_score(
    features: Features, asked: frozenset[str], name: str, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    worse, better = replace(features, **{name: low}), replace(features, **{name: high})
    assert score_features(worse, asked) <= score_features(better, asked) + 1e-9


@given(FEATURES, ASKED)
def test_unknown_counts_as_neutral(features: Features, asked: frozenset[str]) -> None:
    filled = Features(*(NEUTRAL if value is None else value for value in vars(features).values()))
    assert score_features(features, asked) == pytest.approx(score_features(filled, asked))


@given(SHARE, SHARE, FEEDBACK, FEEDBACK)
def test_feedback_moves_a_score_its_way_and_keeps_it_from_0_to_1(a: float, b: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= apply_feedback(a, low) <= apply_feedback(a, high) + 1e-9 <= 1 + 2e-9
    worse, better = sorted((a, b))
    assert apply_feedback(worse, one) <= apply_feedback(better, one) + 1e-9


@given(SHARE, SHARE, SHARE, SHARE)
def test_confidence_rises_with_the_score_and_with_the_evidence(a: float, b: float, c: float, d: float) -> None:
    (low, high), (little, much) = sorted((a, b)), sorted((c, d))
    assert 0 <= measure_confidence(low, little) <= measure_confidence(high, little) + 1e-9 <= 1 + 2e-9
    assert measure_confidence(low, little) <= measure_confidence(low, much) + 1e-9


@given(st.lists(FEATURES, max_size=5), ASKED)
def test_evidence_is_from_0_to_1(known: list[Features], asked: frozenset[str]) -> None:
    assert 0 <= measure_evidence(known, asked) <= 1 + 1e-9


CANDIDATES = st.dictionaries(
    st.builds(
        Candidate,
        st.integers(1, 9).map(lambda number: Volume(make_id(number), series_id=make_id(100 + number))),
        has_gap=st.booleans(),
    ),
    FEATURES,
    min_size=1,
    max_size=9,
)


@given(
    CANDIDATES,
    ASKED,
    st.frozensets(st.integers(1, 9).map(make_id)),
    st.dictionaries(st.integers(101, 109).map(make_id), FEEDBACK),
)
def test_ranking(
    candidates: dict[Candidate, Features], asked: frozenset[str], avoided: frozenset[UUID], feedback: dict[UUID, float]
) -> None:
    ranked = rank(candidates, asked, Outcomes(avoided=avoided, feedback=feedback))
    assert {row.candidate for row in ranked} == set(candidates)
    for row, following in pairwise(ranked):
        groups = [(r.candidate.has_gap, r.candidate.volume.id in avoided) for r in (row, following)]
        assert groups == sorted(groups)
        if groups[0] == groups[1]:
            assert row.score >= following.score
        assert row.confidence >= following.confidence
    assert all(0 <= row.confidence <= 1 + 1e-9 for row in ranked)
    again = rank(dict(reversed(candidates.items())), asked, Outcomes(avoided=avoided, feedback=feedback))
    assert [row.candidate for row in again] == [row.candidate for row in ranked]


@given(st.floats(-1, 1))
def test_stretched_cosine_is_from_0_to_1(cosine: float) -> None:
    stretched = stretch(cosine)
    assert stretched is not None
    assert 0 <= stretched <= 1


@given(st.integers(0, 200), st.integers(0, 200))
def test_length_is_rated_as_asked(one: int, other: int) -> None:
    low, high = sorted((one, other))
    short = [rate_length("short", value) for value in (low, high)]
    long = [rate_length("long", value) for value in (low, high)]
    assert 0 <= (short[1] or 0) <= (short[0] or 0) <= 1
    assert 0 <= (long[0] or 0) <= (long[1] or 0) <= 1


def test_progress_is_rated_as_asked() -> None:
    begun, new = {"is_begun": True, "has_gap": False}, {"is_begun": False, "has_gap": False}
    assert rate_progress("continue", **begun) > rate_progress("continue", **new)
    assert rate_progress("begin", **begun) < rate_progress("begin", **new)
    assert rate_progress(None, **begun) > rate_progress(None, **new)
    assert rate_progress(None, is_begun=True, has_gap=True) == 0


@given(st.lists(st.sampled_from("abcd")), st.dictionaries(st.sampled_from("abc"), st.floats(0.01, 1)))
def test_profile_is_from_0_to_1(kinds: list[str], profile: dict[str, float]) -> None:
    found = match_profile(kinds, profile)
    assert (found is None) == (not kinds or not profile)
    assert 0 <= (found or 0) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("french", "english"),
    [
        ("joyeux", "happy"),
        ("mélancolique", "melancholic"),
        ("stressé", "stressed"),
        ("curieux", "curious"),
        ("énergique", "energetic"),
        ("détendu", "relaxed"),
    ],
)
def test_moods_are_known_in_both_languages(french: str, english: str) -> None:
    vocabulary = load_vocabulary()
    mood = vocabulary.find_mood(french)
    assert mood is not None
    assert mood.text
    assert vocabulary.find_mood(french.upper()) == mood == vocabulary.find_mood(english)


def test_vocabulary_weighs_only_genres_that_it_names() -> None:
    vocabulary = load_vocabulary()
    known = set(vocabulary.kinds.values())
    meanings = [*vocabulary.moods.values(), *(m for answers in vocabulary.answers.values() for m in answers.values())]
    for meaning in meanings:
        assert set(meaning.kinds) <= known
        assert all(-1 <= weight <= 1 for weight in meaning.kinds.values())
        assert set(meaning.phrase) == {"fr", "en"}
        assert meaning.kinds or meaning.length or meaning.start


def test_unknown_words_are_ignored_and_reported() -> None:
    answers = [
        Answer(question="envie", answer="rire"),
        Answer(question="envie", answer="dormir"),
        Answer(question="x", answer="y"),
    ]
    wish = read_wish(load_vocabulary(), "bizarre", answers)
    assert [ignored.model_dump(exclude_none=True) for ignored in wish.ignored] == [
        {"mood": "bizarre"},
        {"question": "envie", "answer": "dormir"},
        {"question": "x", "answer": "y"},
    ]
    assert len(wish.meanings) == 1


@given(
    st.lists(st.sampled_from(["joyeux", "énergique", "stressé"]), max_size=1), st.sampled_from(["rire", "frissonner"])
)
def test_weights_of_a_wish_are_from_minus_1_to_1(moods: list[str], answer: str) -> None:
    wish = read_wish(load_vocabulary(), moods[0] if moods else None, [Answer(question="envie", answer=answer)] * 3)
    assert all(-1 <= weight <= 1 for weight in wish.kinds.values())


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "fr",
            "« Le Phare », tome 4. Vous avez lu le tome 3 : voici la suite. Drame et Seinen : cela va avec une humeur"
            " mélancolique. La série compte 5 tomes, comme vous le souhaitez. Proche de « Marins », que vous avez lu."
            " Vous avez aimé cette série.",
        ),
        (
            "en",
            "“Le Phare”, volume 4. You have read volume 3: this one comes next. Drame and Seinen: this goes with une"
            " humeur mélancolique. The series has 5 volumes, as you wish. Close to “Marins”, which you have read."
            " You have liked this series.",
        ),
    ],
)
def test_reasoning_says_every_fact(language: Language, text: str) -> None:
    grounds = Grounds(
        title="Le Phare",
        number=4,
        last_read=3,
        is_begun=True,
        fitting_kinds=["Drame", "Seinen"],
        fitting_phrases=["une humeur mélancolique"],
        series_length=5,
        close_to="Marins",
        was_liked=True,
    )
    assert give_reasoning(grounds, language) == text


def test_reasoning_without_facts_says_so() -> None:
    assert give_reasoning(Grounds(), "fr") == "Un volume de votre pile. Choisi dans votre pile, sans autre indice."
    assert (
        give_reasoning(Grounds(), "en") == "A volume of your pile. Chosen from your pile, with nothing else to go by."
    )
