"""The ONNX back end: batches lose and mix up nothing, what is broken is said in one line, and nobody is told of it."""

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booksync_api_prediction.encoder import DeviceMissingError, ModelMissingError, count_threads
from booksync_api_prediction.onnx_encoder import BATCH_PIECES, OnnxEncoder, check_pooling, pool, split_batches
from booksync_api_prediction.settings import PredictionSettings
from booksync_service_testing.processes import build_environment
from booksync_service_testing.serving import PATIENCE

MODELS = Path(os.environ.get("BOOKSYNC_MODELS", PredictionSettings.model_fields["booksync_models"].default))
MODEL = MODELS / "all-MiniLM-L6-v2"

needs_model = pytest.mark.skipif(not (MODEL / "model.onnx").is_file(), reason="there is no ONNX model")
needs_onnxruntime = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed"
)

TEXTS = [
    "Un jeune garçon rêve de devenir le roi des pirates.",
    "",
    "進撃の巨人は諫山創による日本の漫画作品。",
    "😀🏴‍☠️",
    "A quiet girl finds that her neighbour is a ghost. " * 100,
    "\x00\t\u200b\ufeff",
    "a" * 1000,
]


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(MODEL, device="cpu", batch_size=3)


@given(st.lists(st.integers(2, 256)), st.integers(1, 64))
def test_every_text_is_in_one_batch_of_bounded_size(lengths: list[int], batch_size: int) -> None:
    batches = list(split_batches(lengths, batch_size))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    padded = [len(batch) * max(lengths[index] for index in batch) for batch in batches]
    assert all(pieces <= BATCH_PIECES for pieces in padded)


@needs_model
def test_vectors_are_in_the_order_of_their_texts_whatever_they_are_run_with(encoder: OnnxEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = [encoder.encode([text])[0] for text in TEXTS]
    assert all(math.sumprod(*pair) > 0.9999 for pair in zip(together, alone, strict=True))
    assert math.sumprod(together[0], together[4]) < 0.9


@needs_model
def test_every_text_has_a_vector_of_length_one(encoder: OnnxEncoder) -> None:
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in encoder.encode(TEXTS))
    assert encoder.encode([]) == []


@needs_model
def test_text_past_the_models_limit_is_not_read(encoder: OnnxEncoder) -> None:
    begin = "one two three four " * 64
    full, more, less = encoder.encode([begin, begin + "something else altogether", begin[: len(begin) // 2]])
    assert math.sumprod(full, more) > 0.9999 > math.sumprod(full, less)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (4, 4), (64, 4)])
def test_threads_are_capped(monkeypatch: pytest.MonkeyPatch, cores: int, threads: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(cores)))
    assert count_threads() == threads


@needs_model
def test_model_takes_no_more_threads(encoder: OnnxEncoder) -> None:
    assert encoder._session.get_session_options().intra_op_num_threads == count_threads()


@needs_model
def test_integers_cost_little() -> None:
    texts = [TEXTS[0], "A boy wants to become a pirate.", "Cooking rice takes water.", "Un tournoi de basket."]
    exact = OnnxEncoder(MODEL, device="cpu", batch_size=32).encode(texts)
    rounded = OnnxEncoder(MODEL.with_name(f"{MODEL.name}-int8"), device="cpu", batch_size=32).encode(texts)
    assert all(math.sumprod(*pair) > 0.95 for pair in zip(exact, rounded, strict=True))


def test_graph_without_pooling_gives_the_mean_of_what_is_no_padding() -> None:
    pieces = np.array([[[3, 0], [0, 4], [9, 9]], [[0, 2], [7, 7], [7, 7]]], np.float32)
    mask = np.array([[1, 1, 0], [1, 0, 0]], np.int64)
    assert np.allclose(pool(pieces, mask), [[0.6, 0.8], [0.0, 1.0]])


def test_other_pooling_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling/config.json").write_text(
        '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    )
    with pytest.raises(ValueError, match="expected pooling_mode_mean_tokens"):
        check_pooling(tmp_path)


def test_gpu_is_refused_by_name() -> None:
    with pytest.raises(DeviceMissingError, match=r"^DEVICE is cuda:1, and EMBEDDING_BACKEND onnx runs on the CPU"):
        OnnxEncoder(MODEL, device="cuda:1", batch_size=1)


def test_folder_without_a_graph_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=f"^EMBEDDING_MODEL: there is no ONNX model in {tmp_path}"):
        OnnxEncoder(tmp_path, device="cpu", batch_size=1)


@needs_model
@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json", "sentence_bert_config.json"])
def test_broken_file_is_one_line(tmp_path: Path, broken: str) -> None:
    for name in ("model.onnx", "tokenizer.json", "sentence_bert_config.json"):
        content = (MODEL / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2] if name == broken else content)
    with pytest.raises(ModelMissingError, match=f"^EMBEDDING_MODEL: the model in {tmp_path} cannot be loaded: .+$"):
        OnnxEncoder(tmp_path, device="cpu", batch_size=1)


@needs_onnxruntime
def test_missing_module_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ModelMissingError, match=r"not installed \(tokenizers\)"):
        OnnxEncoder(tmp_path, device="cpu", batch_size=1)


def run_script(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a script that has `make_encoder`."""
    begin = (
        "import threading, time\n"
        "from pathlib import Path\n"
        "from booksync_api_prediction.onnx_encoder import OnnxEncoder\n"
        "def make_encoder():\n"
        f"    return OnnxEncoder(Path({str(MODEL)!r}), device='cpu', batch_size=32)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", begin + script],
        env=build_environment({"HOME": str(home)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@needs_model
def test_nothing_is_measured_for_others_and_nothing_logged(tmp_path: Path) -> None:
    # onnxruntime's telemetry keeps its identifier and what it has not sent yet in HOME
    done = run_script("make_encoder().encode(['BookSync'])\ntime.sleep(1)\n", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.rglob("*")) == []


@needs_model
@pytest.mark.parametrize(
    "work",
    [
        "while True:\n        make_encoder()",
        "encoder = make_encoder()\n    while True:\n        encoder.encode(['BookSync'] * 64)",
    ],
)
def test_process_ends_in_order_while_the_model_is_busy(tmp_path: Path, work: str) -> None:
    script = (
        f"def work():\n    {work}\nmake_encoder()\nthreading.Thread(target=work, daemon=True).start()\ntime.sleep(1)\n"
    )
    done = run_script(script, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
