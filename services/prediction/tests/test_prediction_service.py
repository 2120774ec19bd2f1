"""The Prediction API: its contract, its model as a part of it, and vectors that always have the model's dimension."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from booksync_api_prediction import vectors
from booksync_api_prediction.encoder import DeviceMissingError, Encoder, ModelMissingError
from booksync_api_prediction.index import NAME as INDEX
from booksync_api_prediction.model import Load, Model
from booksync_api_prediction.service import SERVICE
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.vectors import create_extension
from booksync_common.app import make_database
from booksync_common.database import Database
from booksync_common.failures import ConfigurationError, FatalError
from booksync_prediction_testing.encoder import WordEncoder, load_words
from booksync_prediction_testing.service import make_service
from booksync_service_testing import processes
from booksync_service_testing.contract import ServiceContract
from booksync_service_testing.server import execute, make_role, render
from booksync_service_testing.server import make_database as make_empty_database
from booksync_service_testing.serving import serve, wait_for

ADDRESS = "postgresql+asyncpg://booksync_prediction:prediction_password@booksync-postgres:5432/booksync"


class TestPrediction(ServiceContract):
    """The Prediction API."""

    service = make_service()
    port = 8002
    tables = frozenset({"embeddings", "recommendations", "jobs", "job_items"})


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> PredictionSettings:
    """Read an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return PredictionSettings.load()


def test_defaults_are_the_guides(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert (settings.host, settings.port, settings.database_echo) == ("0.0.0.0", 8002, False)  # noqa: S104
    assert (settings.vector_dimension, settings.similarity_threshold) == (384, 0.7)
    assert (settings.embedding_model, settings.embedding_batch_size) == ("all-MiniLM-L6-v2", 32)
    assert settings.device == "cpu"


@pytest.mark.parametrize("environment", ["development", "production"])
def test_starts_without_a_secret_key_and_says_so(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    settings = load(monkeypatch, APP_ENV=environment, DATABASE_URL=ADDRESS)
    assert [finding.variable for finding in settings.findings()] == ["APP_SECRET_KEY"]


@pytest.mark.parametrize("key", ["your-app-secret-key", "tooshort"])
def test_production_refuses_a_sample_or_short_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(ConfigurationError, match="APP_SECRET_KEY"):
        load(monkeypatch, APP_ENV="production", DATABASE_URL=ADDRESS, APP_SECRET_KEY=key)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("all-MiniLM-L6-v2", "/models/all-MiniLM-L6-v2"),
        ("sentence-transformers/all-MiniLM-L6-v2", "/models/all-MiniLM-L6-v2"),
        ("/elsewhere/mine", "/elsewhere/mine"),
    ],
)
def test_model_is_a_name_or_a_path(monkeypatch: pytest.MonkeyPatch, model: str, path: str) -> None:
    settings = load(monkeypatch, BOOKSYNC_MODELS="/models", EMBEDDING_MODEL=model)
    assert settings.model_path == Path(path)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEVICE", "tpu"),
        ("EMBEDDING_BACKEND", "tensorflow"),
        ("VECTOR_DIMENSION", "0"),
        ("VECTOR_DIMENSION", "4001"),
        ("SIMILARITY_THRESHOLD", "7"),
    ],
)
def test_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable}"):
        load(monkeypatch, **{variable: value})


async def test_ready_names_the_model(database_url: URL) -> None:
    settings = PredictionSettings.load(database_url=render(database_url))
    async with serve(make_service(), settings) as serving:
        answer = await serving.client.get("/health/ready")
        assert answer.json()["checks"]["model"] == {
            "status": "ok",
            "model": "all-MiniLM-L6-v2",
            "dimension": 384,
            "backend": "onnx",
            "device": "cpu",
        }


async def test_not_ready_and_not_blocked_while_the_model_loads(database_url: URL) -> None:
    loaded = threading.Event()

    def load_slowly(settings: PredictionSettings, device: str) -> Encoder:
        loaded.wait()
        return load_words(settings, device)

    settings = PredictionSettings.load(database_url=render(database_url))
    async with serve(make_service(load_slowly), settings, wait=False) as serving:
        try:
            answer = await serving.client.get("/health/ready")
            assert answer.status_code == 503
            assert answer.json()["checks"]["model"]["status"] == "starting"
            assert (await serving.client.get("/predict")).json()["code"] == "starting"
        finally:
            loaded.set()
        await serving.wait_until_ready()


async def test_model_has_a_thread_of_its_own() -> None:
    encoder = WordEncoder()
    model = Model(PredictionSettings.load(), load=lambda _settings, _device: encoder)
    await model.start()
    batches = await asyncio.gather(*(model.encode(["a", "b"]) for _ in range(5)))
    await model.stop()
    assert {len(vector) for batch in batches for vector in batch} == {384}
    assert len(encoder.threads) == 1
    assert threading.current_thread().name not in encoder.threads


def refuse(error: FatalError) -> Load:
    """Make a loader that fails, though not on the CPU when a device is missing."""

    def load_nothing(settings: PredictionSettings, device: str) -> Encoder:
        if isinstance(error, DeviceMissingError) and device == "cpu":
            return load_words(settings, device)
        raise error

    return load_nothing


async def test_missing_model_is_a_warning_in_development(database_url: URL, caplog: pytest.LogCaptureFixture) -> None:
    settings = PredictionSettings.load(database_url=render(database_url))
    async with serve(make_service(refuse(ModelMissingError("no model"))), settings) as serving:
        assert (await serving.client.get("/health")).status_code == 200
        ready = await serving.client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["model"]["detail"] == "not available"
    assert "no model; what needs the model answers 503" in caplog.text


async def test_missing_gpu_is_the_cpu_in_development(database_url: URL, caplog: pytest.LogCaptureFixture) -> None:
    settings = PredictionSettings.load(database_url=render(database_url), device="cuda")
    async with serve(make_service(refuse(DeviceMissingError("no GPU"))), settings) as serving:
        ready = await serving.client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["checks"]["model"]["device"] == "cpu"
    assert "no GPU; using the CPU" in caplog.text


@pytest.mark.parametrize("error", [ModelMissingError("no model"), DeviceMissingError("no GPU")])
async def test_missing_model_or_gpu_ends_the_service_in_production(
    database_url: URL, caplog: pytest.LogCaptureFixture, error: FatalError
) -> None:
    settings = PredictionSettings.load(database_url=render(database_url), environment="production", device="cuda")
    async with serve(make_service(refuse(error)), settings, wait=False) as serving:
        await wait_for(serving.fatal.is_set)
    assert [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"] == [str(error)]


def test_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with processes.start(
        "prediction",
        log_path=tmp_path / "log",
        BOOKSYNC_MODELS=str(tmp_path),
        ENVIRONMENT="production",
        DATABASE_URL=ADDRESS,
    ) as service:
        assert service.process.wait(300) == 1
        last = service.log()[-1]
    assert last["level"] == "critical"
    assert str(tmp_path / "all-MiniLM-L6-v2") in str(last["message"])
    assert "exception" not in last


async def test_model_of_another_dimension_is_refused(database_url: URL, caplog: pytest.LogCaptureFixture) -> None:
    settings = PredictionSettings.load(database_url=render(database_url))
    service = make_service(lambda _settings, _device: WordEncoder(768))
    async with serve(service, settings, wait=False) as serving:
        await wait_for(serving.fatal.is_set)
    assert "all-MiniLM-L6-v2 makes vectors of 768: set VECTOR_DIMENSION=768" in caplog.text


INSERT = (
    "INSERT INTO prediction.embeddings"
    " (kind, item_id, model, embedding, content_hash, text_version, embedded_at, title, adult)"
    " VALUES ('volume', md5('one')::uuid, '{}', '{}', 'x', 1, now(), '{}', true)"
)


async def test_column_of_another_dimension_is_refused_with_the_command_that_helps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with make_empty_database() as url:
        small = PredictionSettings.load(database_url=render(url), vector_dimension=3)
        large = PredictionSettings.load(database_url=render(url), vector_dimension=4, embedding_model="other")
        dimension = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'embedding'"
        known = "SELECT array_agg(concat_ws(' ', title, adult, model)) FROM prediction.embeddings"

        async with serve(make_service(), small):
            assert await execute(url, dimension) == "halfvec(3)"
            await execute(url, INSERT.format("old", [1, 0, 0], "An older title"))
            await execute(url, INSERT.format("m", [1, 0, 0], "A title"))
            await execute(
                url, f"CREATE INDEX {INDEX} ON prediction.embeddings USING hnsw (embedding halfvec_cosine_ops)"
            )
        async with serve(make_service(), large, wait=False) as serving:
            await wait_for(serving.fatal.is_set)
        (line,) = (record.getMessage() for record in caplog.records if record.levelname == "CRITICAL")
        assert "model other" in line
        assert "prediction.embeddings.embedding is halfvec(3)" in line
        assert "`booksync-api-prediction recreate-embeddings`" in line

        result = await asyncio.to_thread(
            processes.run,
            "prediction",
            "recreate-embeddings",
            DATABASE_URL=render(url),
            VECTOR_DIMENSION="4",
            EMBEDDING_MODEL="other",
        )
        assert result.returncode == 0, result.stderr
        assert await execute(url, dimension) == "halfvec(4)"
        assert await execute(url, known) == ["A title t none"]
        # of vectors that are all one, it would take minutes for nothing
        assert await execute(url, f"SELECT to_regclass('prediction.{INDEX}')") is None

        async def is_done() -> bool:
            return bool(await execute(url, "SELECT bool_and(status = 'done') FROM prediction.jobs"))

        async with serve(make_service(), large):
            await wait_for(is_done)
        assert await execute(url, known) == ["A title t other"]


async def test_vectors_of_full_precision_are_rounded_and_their_index_goes() -> None:
    async with make_empty_database() as url:
        settings = PredictionSettings.load(database_url=render(url), vector_dimension=3)
        async with serve(make_service(), settings):
            pass
        for statement in (
            "ALTER TABLE prediction.embeddings ALTER COLUMN embedding TYPE vector(3)",
            INSERT.format("m", [0.6, 0.8, 0], "A title"),
            f"CREATE INDEX {INDEX} ON prediction.embeddings USING hnsw (embedding vector_cosine_ops)",
            "UPDATE prediction.alembic_version SET version_num = '0003'",
        ):
            await execute(url, statement)
        async with serve(make_service(), settings):
            kept = (
                "SELECT format_type(atttypid, atttypmod) || ' ' || attstorage::text || ' ' ||"
                " (SELECT embedding <=> '[0.6,0.8,0]' < 1e-6 FROM prediction.embeddings)"
                " FROM pg_attribute WHERE attrelid = 'prediction.embeddings'::regclass AND attname = 'embedding'"
            )
            assert await execute(url, kept) == "halfvec(3) m true"
            assert await execute(url, f"SELECT to_regclass('prediction.{INDEX}')") is None


async def test_extension_that_may_not_be_made_is_one_line() -> None:
    async with make_empty_database() as url, make_role(url, schema="prediction") as role:
        database = make_database(SERVICE, PredictionSettings.load(database_url=render(role)))
        assert database is not None
        with pytest.raises(FatalError, match="CREATE EXTENSION vector"):
            await prepare(database)


async def prepare(database: Database) -> None:
    """Do what the migration begins with."""
    async with database.connect_alone() as connection:
        await create_extension(connection)


async def test_server_without_pgvector_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # the same question about an extension that no server has
    monkeypatch.setattr(vectors, "_EXTENSION", text(vectors._EXTENSION.text.replace("'vector'", "'no_such'")))
    async with make_empty_database() as url:
        database = make_database(SERVICE, PredictionSettings.load(database_url=render(url)))
        assert database is not None
        with pytest.raises(FatalError, match=r"no pgvector .*postgres:17-alpine.*booksync-postgres"):
            await prepare(database)
