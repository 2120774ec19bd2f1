"""How good the rankings are, on a labelled library, beside what would be simpler."""
