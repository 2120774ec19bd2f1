"""BookSync on a machine with a container engine: how it gets there, and how a family uses it."""

import pytest

from booksync_vm.machine import Machine

#: Where another driver puts its machine, from `pytest_configure` of a plugin that it gives to `pytest.main`.
GIVEN = pytest.StashKey[Machine]()
