"""Run one app: `python -m booksync_apps push …`."""

import os
import sys

from booksync_apps import database, load, push, stream, up, verify
from booksync_apps.errors import EXIT_USAGE

APPS = {
    "database": database.main,
    "load": load.main,
    "push": push.main,
    "stream": stream.main,
    "up": up.main,
    "verify": verify.main,
}


def main() -> int:
    name, *arguments = sys.argv[1:] or [""]
    if name not in APPS:
        print(f"there is no app {name!r}; known: {', '.join(APPS)}", file=sys.stderr)
        return EXIT_USAGE
    return APPS[name](arguments, environment=os.environ)


if __name__ == "__main__":
    sys.exit(main())
