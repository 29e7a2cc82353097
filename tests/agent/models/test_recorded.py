"""Recorded replies come again in their order, and no more of them."""

import pytest

from qvl_agent.actions.core.errors import ModelError, Stopped
from qvl_agent.actions.core.messages import Reply
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
