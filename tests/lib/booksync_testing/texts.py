# ruff: noqa: RUF001 - letters that look like others are the point of some of them
"""A thousand texts in French and English, and those that are hard to cut into word pieces.

Made of invented series with a generator of fixed seed: the same texts everywhere, without a file of them.
"""

import random

COUNT = 1000
SEED = 384
TITLES = 0.1  # of all

HARD = [
    "",
    " ",
    "\t\n\r\n",
    "\x00\x01\x7f",
    "\u200b\u200d\ufeff",
    "a",
    "?!…",
    "-" * 400,
    "a" * 150,  # longer than a word may be
    "anticonstitutionnellement" * 30,
    "L’Élève Ōban à l’œil d’ambre, où ça ? Là-bas ; « déjà » !",
    "l'e\u0301le\u0300ve" + " cafe\u0301" * 20,  # accents of their own
    "ÀÉÎÕÜ ŒÆ ßẞ ĲŁØ ﬁﬂ ½ ² ™",
    "😀",
    "👨‍👩‍👧‍👦 🏴‍☠️ 🇫🇷 ✌🏽",
    "🍣" * 600,
    "進撃の巨人",
    "鋼の錬金術師は、錬金術が存在する世界で兄弟が旅をする物語である。" * 20,
    "ワンピース ﾜﾝﾋﾟｰｽ ヷ 々〆〇",
    "나 혼자만 레벨업",
    "三国演义 三國演義",
    "Манга для всей семьи",
    "مانغا للعائلة",
    "มังงะสำหรับครอบครัว",
    "μάνγκα για όλη την οικογένεια",
    "<p>Un <b>jeune</b> garçon&nbsp;&amp; son chien</p>",
    "https://example.org/manga?id=42&lang=fr#tome-3",
    "ISBN 978-2-1234-5680-3 ; 6,90 € ; tome 12/27 ; 17,5 x 11,5 cm",
    "[CLS] [SEP] [MASK] [PAD] [UNK] ##suite",
    "tome " * 254,  # exactly what the model reads,
    "tome " * 255,  # and one more
    "0123456789 " * 100,
]

FRENCH = {
    "who": [
        "Un jeune garçon",
        "Une lycéenne sans histoire",
        "Un cuisinier déchu",
        "La dernière sorcière du royaume",
        "Un inspecteur insomniaque",
        "Deux frères que tout oppose",
        "Une apothicaire trop curieuse",
        "Un robot rouillé",
        "La capitaine d'un vaisseau pirate",
        "Un professeur de physique",
        "Une idole à la retraite",
        "Le fils du forgeron",
    ],
    "what": [
        "rêve de devenir le roi des mers",
        "découvre un carnet qui exauce les vœux",
        "doit protéger un œuf de dragon",
        "enquête sur des disparitions",
        "apprend à jouer au basket pour sauver son club",
        "ouvre un petit restaurant",
        "tombe amoureux de son pire rival",
        "se réveille dans un jeu vidéo",
        "cherche la recette du bonheur",
        "affronte une guilde d'assassins",
        "adopte un chat qui parle",
        "construit une fusée dans son garage",
    ],
    "where": [
        "dans un Japon médiéval",
        "au lycée",
        "sur une île oubliée",
        "à bord d'une station spatiale",
        "à la cour de l'empereur",
        "dans un village de montagne",
        "à Paris, en 1889",
        "au fond d'un donjon",
        "dans une ville noyée sous la pluie",
    ],
    "end": [
        "Une aventure drôle et touchante.",
        "Un drame historique d'une rare finesse.",
        "Âmes sensibles, s'abstenir !",
        "Une romance toute en retenue…",
        "Un thriller haletant, jusqu'à la dernière page.",
        "À lire dès 8 ans.",
    ],
}
ENGLISH = {
    "who": [
        "A boy",
        "A quiet girl",
        "The last witch of the kingdom",
        "A retired idol",
        "Two brothers",
        "A rusty robot",
        "A detective who cannot sleep",
        "The captain of a pirate ship",
        "A physics teacher",
        "A blacksmith's son",
    ],
    "what": [
        "wants to become the king of the seas",
        "finds a notebook that grants wishes",
        "must guard a dragon's egg",
        "learns basketball to save the club",
        "opens a tiny restaurant",
        "wakes up inside a video game",
        "falls in love with the worst of rivals",
        "adopts a cat that talks",
        "fights a guild of assassins",
    ],
    "where": [
        "in medieval Japan",
        "at school",
        "on a forgotten island",
        "aboard a space station",
        "at the emperor's court",
        "in a mountain village",
        "deep in a dungeon",
        "in a city drowned by rain",
    ],
    "end": [
        "A funny and touching adventure.",
        "A rare historical drama.",
        "Not for the faint of heart!",
        "A slow-burning romance...",
        "A thriller to the last page.",
        "For readers from 8 years on.",
    ],
}


def make_text(choose: random.Random, words: dict[str, list[str]]) -> str:
    """Return one to twelve sentences of a blurb, or a title alone."""
    if choose.random() < TITLES:
        return choose.choice(words["who"])
    sentences = choose.choice([1, 1, 1, 2, 2, 3, 5, 12])
    return " ".join(
        f"{choose.choice(words['who'])} {choose.choice(words['what'])} {choose.choice(words['where'])}."
        f" {choose.choice(words['end'])}"
        for _ in range(sentences)
    )


def make_texts() -> list[str]:
    """Return all texts."""
    choose = random.Random(SEED)  # noqa: S311 - the same everywhere
    made = [make_text(choose, choose.choice([FRENCH, ENGLISH])) for _ in range(COUNT - len(HARD))]
    return [*HARD, *made]
