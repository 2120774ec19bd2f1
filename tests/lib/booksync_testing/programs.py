"""Programs that a test makes up, for what it tests to find on its PATH.

BOOKSYNC_BUSYBOX is all that there is in a build's sandbox; elsewhere the system's own programs are used.
"""

import os
from pathlib import Path

#: What runs cat, sed and others in a script: before the name of each.
UTILITY = os.environ.get("BOOKSYNC_BUSYBOX", "/usr/bin/env PATH=/usr/bin:/bin")
#: How a script is run, as words.
SHELL = [UTILITY, "sh"] if "BOOKSYNC_BUSYBOX" in os.environ else ["/bin/sh"]
#: The first line of a script.
SHEBANG = f"#!{' '.join(SHELL)}\n"


def write_program(path: Path, text: str) -> None:
    """Write a script, first line and all, that can be run."""
    path.write_text(text)
    path.chmod(0o755)
