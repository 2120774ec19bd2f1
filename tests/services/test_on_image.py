"""A service's own tests pass on the CPython and the wheels of its image, with the database image's server."""

import os
from pathlib import Path

from booksync_testing.sandbox import load_tools
from booksync_testing.service import run_service_tests

REPOSITORY = Path.cwd()


def test_service_on_its_image(tmp_path: Path) -> None:
    result = run_service_tests(
        os.environ["BOOKSYNC_SERVICE"],
        tools=load_tools(),
        images=Path(os.environ["BOOKSYNC_IMAGES"]),
        name=os.environ["BOOKSYNC_IMAGE"],
        repository=REPOSITORY,
        wheels=Path(os.environ["BOOKSYNC_TEST_WHEELS"]),
        architecture=os.environ["BOOKSYNC_ARCH"],
        directory=tmp_path,
        arguments=["-ra"],
    )
    print(result.output)  # noqa: T201 - the inner run's report, shown with -s and on failure
    assert result.code == 0
