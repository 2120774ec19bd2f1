"""What may be shown on a terminal of texts that come from elsewhere."""


def printable(text: str) -> str:
    """Return a text without what terminals obey, on one line."""
    return "".join(sign if sign.isprintable() or sign == "\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)
