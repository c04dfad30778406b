import pytest

from isptune.scenes.scene import photograph
from objectives.judges import chat_server
from tests.objectives.bright_judge import flat
from tests.objectives.judges.chat_stub import serving


@pytest.fixture(autouse=True)
def _no_keys_and_no_waiting(monkeypatch, tmp_path):
    """Take keys and the user's cache away, and wait for nothing long."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(chat_server, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def server():
    with serving() as stub:
        yield stub


@pytest.fixture
def scene():
    return photograph("flat", flat(100))
