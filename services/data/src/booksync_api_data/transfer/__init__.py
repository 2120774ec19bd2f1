"""Facts as files: exports, which stream out, and imports, which stream in."""
