"""What the operator decides, read from the environment once and passed on as a value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from booksync_common.failures import ConfigurationError
from booksync_common.program import HOST
from booksync_common.secret_files import SecretFiles

Environment = Literal["development", "test", "staging", "production"]
ENVIRONMENTS: dict[str, Environment] = {
    "development": "development",
    "dev": "development",
    "local": "development",
    "test": "test",
    "testing": "test",
    "staging": "staging",
    "production": "production",
    "prod": "production",
}

#: Bytes; RFC 7518, section 3.2, asks as much of an HS256 key.
MIN_KEY_BYTES = 32

#: What documentation shows in place of a secret. Such a value is public, however long it is.
SAMPLE_SECRET = re.compile(
    r"^(your|my|the|some|super)[-_ ]|^(secret|password)|change[-_ ]?(me|this)|example|placeholder|secret[-_ ]?key",
    re.IGNORECASE,
)


def parse_environment(value: object) -> object:
    """Return the full name of an environment.

    An unknown one is refused: a typing error must not turn production's rules off.
    """
    if not isinstance(value, str):
        return value
    try:
        return ENVIRONMENTS[value.strip().lower()]
    except KeyError:
        message = f"unknown environment; use one of {', '.join(sorted(set(ENVIRONMENTS.values())))}"
        raise ValueError(message) from None


#: What an address may say after its question mark: what asyncpg and SQLAlchemy's dialect of it understand as text.
URL_PARAMETERS = frozenset(
    {"host", "port", "ssl", "target_session_attrs", "prepared_statement_cache_size", "statement_cache_size"}
)


def parse_database_url(value: SecretStr) -> URL:
    """Parse the address of a PostgreSQL database; asyncpg is the driver whatever the address says.

    :raises ValueError: without the address, which has a password in it.
    """
    try:
        url = make_url(value.get_secret_value().strip())
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in {"postgresql+asyncpg", "postgresql", "postgres"}:
        message = "is not a URL like postgresql+asyncpg://user:password@host:5432/booksync"
        raise ValueError(message)
    if not url.database:
        message = "names no database: end it with one, as in …:5432/booksync"
        raise ValueError(message)
    query = dict(url.query)
    if "sslmode" in query:
        # libpq's name, which providers of databases give; the values are the same
        query["ssl"] = query.pop("sslmode")
    if unknown := sorted(query.keys() - URL_PARAMETERS):
        message = f"has parameters that asyncpg does not know: {', '.join(name[:32] for name in unknown)}; remove them"
        raise ValueError(message)
    for name in ("prepared_statement_cache_size", "statement_cache_size"):
        if not str(query.get(name, "0")).isdecimal():
            message = f"has {name}, which is no number"
            raise ValueError(message)
    return url.set(drivername="postgresql+asyncpg", query=query)


def _check_database_url(value: SecretStr) -> SecretStr:
    parse_database_url(value)
    return value


def is_sample(secret: SecretStr) -> bool:
    """Tell whether a secret is one that documentation shows."""
    return SAMPLE_SECRET.search(secret.get_secret_value().strip()) is not None


@dataclass(frozen=True)
class Finding:
    """Something about the configuration that its operator should know."""

    variable: str
    problem: str
    consequence: str
    refused: bool = False  # in production

    def __str__(self) -> str:
        return f"{self.variable} {self.problem}: {self.consequence}"


def check_key(variable: str, key: SecretStr | None, *, missing: str, required: bool) -> Iterator[Finding]:
    """Yield what is wrong with a secret key.

    :param missing: what does not work without it.
    :param required: whether production refuses to start without it.
    """
    if key is None:
        yield Finding(variable, "is not set", missing, refused=required)
    elif is_sample(key):
        yield Finding(
            variable,
            "is a sample, or looks like one",
            "everybody may know it: openssl rand -hex 32 makes one",
            refused=True,
        )
    elif (length := len(key.get_secret_value().encode())) < MIN_KEY_BYTES:
        yield Finding(
            variable,
            f"has {length} bytes, expected {MIN_KEY_BYTES} or more",
            "shorter ones can be guessed",
            refused=True,
        )


class ServiceSettings(BaseSettings):
    """What every service can be told.

    An empty variable counts as unset: that is what a compose file passes on for one that its operator left out. A
    secret may stand in a file, which the variable's name with _FILE names.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    app_env: Annotated[Environment | None, BeforeValidator(parse_environment)] = None
    environment: Annotated[Environment | None, BeforeValidator(parse_environment)] = None
    app_debug: bool | None = None
    debug: bool | None = None

    host: str = HOST
    port: int = Field(ge=1, le=65535)

    database_url: Annotated[SecretStr, AfterValidator(_check_database_url)] | None = None
    #: For an address without one, so that the address is no secret.
    database_password: SecretStr | None = None
    database_echo: bool = False
    database_pool_size: int = Field(default=10, ge=1, le=100)
    database_pool_timeout: float = Field(default=5, gt=0, le=60)  # s
    auto_migrate: bool = True

    @field_validator("database_password")
    @classmethod
    def _check_database_password(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url = info.data.get("database_url")
        if value is not None and url is not None and parse_database_url(url).password is not None:
            message = "DATABASE_URL has a password, too; remove one of the two"
            raise ValueError(message)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there is none
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - finds files by the fields' names
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the files that it names."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def is_production(self) -> bool:
        """Either name may say so; production wins where they differ."""
        return "production" in {self.app_env, self.environment}

    @property
    def is_debug(self) -> bool:
        """The log level; nothing else depends on it, least of all an answer."""
        if self.app_debug is not None:
            return self.app_debug
        return bool(self.debug)

    @property
    def database(self) -> URL | None:
        """The address of the database, if there is one."""
        if self.database_url is None:
            return None
        url = parse_database_url(self.database_url)
        return url if self.database_password is None else url.set(password=self.database_password.get_secret_value())

    def findings(self) -> Iterator[Finding]:
        """Yield what is missing or unsafe."""
        if self.database_url is None:
            yield Finding("DATABASE_URL", "is not set", "what needs the database answers 503", refused=True)

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the environment.

        :param values: take precedence over it.
        :raises ConfigurationError: one line that names each variable that is wrong, and none of the values.
        """
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise ConfigurationError("; ".join(_describe(error))) from None
        if settings.is_production:
            refused = [f"{item.variable} {item.problem}" for item in settings.findings() if item.refused]
            if refused:
                message = f"in production the service does not start: {'; '.join(refused)}"
                raise ConfigurationError(message)
        return settings


def _describe(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_input=False, include_url=False):
        name = str(item["loc"][0]).upper() if item["loc"] else "the environment"
        yield f"{name}: {item['msg'].removeprefix('Value error, ')}"
