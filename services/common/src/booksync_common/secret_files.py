"""Secrets that stand in files: what NAME_FILE names is the value of NAME.

An environment is shown by `docker inspect` and inherited by every child; a file that a container engine mounts is not.
"""

import os
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from booksync_common.failures import ConfigurationError


def is_secret(annotation: object) -> bool:
    """Tell whether a field's type has SecretStr in it."""
    return annotation is SecretStr or any(is_secret(part) for part in get_args(annotation))


def read_secret(variable: str, path: Path) -> str:
    """Read a file, without the line's end that editors put there.

    :param variable: what names the file.
    :raises ConfigurationError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "not UTF-8"
    message = f"{variable}: {path} cannot be read by uid {os.geteuid()}: {reason}"
    raise ConfigurationError(message)


class SecretFiles(PydanticBaseSettingsSource):
    """The files that the environment names, for fields that are secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a field's value, its name, and that the value is no JSON.

        :raises ConfigurationError: NAME and NAME_FILE are both set, or the file cannot be read.
        """
        name = field_name.upper()
        path = os.environ.get(f"{name}_FILE") if is_secret(field.annotation) else None
        if not path:
            return None, field_name, False
        if os.environ.get(name):
            message = f"{name}: {name}_FILE is set as well; unset one of the two"
            raise ConfigurationError(message)
        return read_secret(f"{name}_FILE", Path(path)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values that there are; an empty file counts as none."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value}
