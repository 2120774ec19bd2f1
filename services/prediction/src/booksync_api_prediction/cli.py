"""The command `booksync-api-prediction`."""

from booksync_common.loading import without_collecting

with without_collecting():
    from booksync_api_prediction.service import SERVICE
    from booksync_common.cli import run


def main() -> int:
    """Run the command line."""
    return run(SERVICE)


if __name__ == "__main__":
    raise SystemExit(main())
