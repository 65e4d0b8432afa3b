from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.languages import STEMMERS
from groundwell.ingestion.detect_language import detect_language

TEXTS = {
    "de": "Der Läufer hat sich bei dem Rennen verletzt und muss nun eine Pause machen.",
    "fr": "Les athlètes doivent dormir davantage, car le sommeil est une partie de l'entraînement.",
    "es": "El entrenamiento de fuerza mejora la salud de los huesos y de las articulaciones.",
    "it": "Gli atleti che dormono poco non riescono a recuperare dopo la gara di domenica.",
    "ru": "Силовые упражнения полезны для здоровья, но их нужно выполнять правильно.",
    "el": "Η άσκηση είναι καλή για την υγεία και πρέπει να γίνεται κάθε μέρα.",
    "hi": "यह किताब स्वास्थ्य के लिए है और इसमें बहुत सी बातें लिखी हैं।",
    "nl": "De sporters moeten na een zware training altijd goed slapen en genoeg eten.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_one_sentence_is_enough(language: str):
    assert detect_language(TEXTS[language]) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "x",
        "Haus",
        "12 34 5678",
        "🏋️🏋️🏋️🏋️ 💪",
        "the of and to in",
        "Squat 5x5 80kg. Bench press 3x8. Deadlift 1x5.",
        "Müller, Schmidt, Weber, Schneider, Fischer",
        "The Schadenfreude of the Weltmeister is a Zeitgeist of the Bundesliga.",
        "Trước khi bắt đầu tập luyện, bạn nên khởi động thật kỹ.",
        "在开始训练之前，你应该做好热身运动。",
        "lorem ipsum dolor sit amet consectetur adipiscing elit",
        "def main(args): return [x for x in range(10) if x % 2]",
        "\x00\ud800 \x00",
        "a" * 10_000,
        "die " * 2,
    ],
)
def test_doubt_means_the_default(text: str):
    assert detect_language(text) == "en"


def test_a_quotation_does_not_turn_an_english_text():
    english = "The coach says that the runner should rest before the next race. "
    assert detect_language(english * 4 + TEXTS["de"]) == "en"


def test_a_long_text_is_judged_by_its_beginning_middle_and_end():
    english = "The coach says that the runner should rest before the next race. "
    assert detect_language(english * 3 + TEXTS["de"] * 400) == "de"
    assert detect_language(TEXTS["de"] * 3 + english * 400) == "en"


@given(text=st.text(max_size=300))
def test_any_text_has_a_language_that_can_be_stemmed(text: str):
    assert detect_language(text) in STEMMERS
