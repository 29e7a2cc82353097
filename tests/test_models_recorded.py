"""Recorded replies come again in their order, and no more of them."""

import subprocess
import sys

import pytest

from qvl_agent.actions.errors import ModelError, SettingsError, Stopped
from qvl_agent.actions.messages import Reply
from qvl_agent.agent.models import open_model
from qvl_agent.agent.models.recorded import RecordedModel


def test_replies_come_in_their_order() -> None:
    said: list[str] = []
    model = RecordedModel([Reply("one"), Reply("two")], "Qwen/Qwen3-VL-4B-Instruct")
    assert model.name == "Qwen/Qwen3-VL-4B-Instruct"
    assert [model.reply([], stop=lambda: False, on_text=said.append).text for _ in "12"] == ["one", "two"]
    assert said == ["one", "two"]
    with pytest.raises(ModelError, match="has 2 replies and the run asks for one more"):
        model.reply([], stop=lambda: False)
    model.close()


def test_a_stop_is_heard() -> None:
    with pytest.raises(Stopped):
        RecordedModel([Reply("one")]).reply([], stop=lambda: True)


def test_an_unknown_backend_and_a_server_without_a_url_are_refused() -> None:
    with pytest.raises(SettingsError, match="no model backend 'gpt'; choose transformers or openai"):
        open_model("gpt", "x")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="needs a server's URL"):
        open_model("openai", "x")


def test_importing_a_backend_loads_nothing_heavy() -> None:
    names = "transformers_local", "openai_server", "recorded"
    program = (
        f"import sys; {'; '.join(f'import qvl_agent.agent.models.{name}' for name in names)}; "
        "print({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
