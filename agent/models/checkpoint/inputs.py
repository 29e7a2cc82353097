"""The encoder that turns messages into the tensors that Qwen3-VL takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.chat import THINK, chatml, plain
from qvl_agent.agent.models.checkpoint.load import Loaded
from qvl_agent.agent.models.pictures import Kept, resized

__all__ = ["EncodedPicture", "Encoder", "Fresh", "Prompt"]


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """An encoded frame.

    Attributes:
        frame_id: the frame's id.
        pixels: patches of shape (4 * tokens, 1536), in the vision tower's dtype.
        grid: patches in time, height and width, shape (1, 3).
        tokens: the number of its image tokens.
    """

    frame_id: str
    pixels: Any
    grid: Any
    tokens: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation in tokens, with its pictures in their order.

    Attributes:
        ids: the tokens, with each picture's image tokens.
        pictures: the pictures, in the order of the ids.
        starts: the index in `ids` of each picture's first token.
        thinking: whether the prompt ends in an open <think>, so that the reply begins inside it.
    """

    ids: tuple[int, ...]
    pictures: tuple[EncodedPicture, ...]
    starts: tuple[int, ...]
    thinking: bool


@dataclass(frozen=True, slots=True)
class Fresh:
    """The part of a prompt that the model has still to read.

    Attributes:
        ids: its tokens.
        start: the number of the prompt's tokens before it.
        known: the positions of the whole prompt in the text, in time, height and width: (4, 1, tokens).
        offset: added to a later token's index to get its position: a picture takes up fewer positions than
            tokens.
        pictures: the model's keyword arguments with the pictures of this part.
    """

    ids: tuple[int, ...]
    start: int
    known: Any
    offset: int
    pictures: dict[str, Any]

    def positions(self, start: int, count: int) -> Any:
        """Return the positions of `count` tokens from `start` on, even after the prompt: (4, 1, count)."""
        import torch  # noqa: PLC0415 - heavy

        end, size = start + count, self.known.shape[2]
        if end <= size:
            return self.known[:, :, start:end]
        text = torch.arange(max(start, size), end, device=self.known.device)
        later = torch.stack([text, *[text + self.offset] * 3])[:, None]
        return torch.cat([self.known[:, :, start:], later], -1)


class Encoder:
    """An encoder of conversations for one checkpoint; a frame is encoded once however often it is sent."""

    def __init__(self, loaded: Loaded, max_picture_tokens: int) -> None:
        self._loaded = loaded
        self._budget = max_picture_tokens
        self._kept: Kept[EncodedPicture] = Kept()

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        """Render and tokenize a conversation, and put each picture's tokens in its place.

        Raises:
            ModelError: the checkpoint's template fails, or drops a picture.
        """
        text = self._render(messages)
        self._kept.begin()
        pictures = tuple(self._picture(frame) for message in messages for frame in message.pictures)
        ids, starts = list[int](), list[int]()
        given = self._loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        if given.count(self._loaded.image_id) != len(pictures):
            raise ModelError(
                f"the chat template has places for {given.count(self._loaded.image_id)} pictures, and "
                f"{len(pictures)} were said; use the chat template that Qwen released"
            )
        for number in given:
            if number == self._loaded.image_id:
                starts.append(len(ids))
                ids += [number] * pictures[len(starts) - 1].tokens
            else:
                ids.append(number)
        return Prompt(tuple(ids), pictures, tuple(starts), thinking=text.rstrip().endswith(THINK))

    def fresh(self, prompt: Prompt, kept: int = 0) -> Fresh:
        """Return the part of a prompt that the model is given.

        Args:
            prompt: the whole conversation.
            kept: the number of its tokens that the cache holds; they and their pictures are left out.
        """
        import torch  # noqa: PLC0415 - heavy

        device = self._loaded.model.device
        new = [picture for picture, at in zip(prompt.pictures, prompt.starts, strict=True) if at >= kept]
        pictures: dict[str, Any] = {}
        if new:
            pictures["pixel_values"] = torch.cat([picture.pixels for picture in new]).to(device)
            pictures["image_grid_thw"] = torch.cat([picture.grid for picture in new]).to(device)
        return Fresh(prompt.ids[kept:], kept, *self._positions(prompt), pictures)

    def _positions(self, prompt: Prompt) -> tuple[Any, int]:
        """Return the positions in text, time, height and width by the model's rule, and their offset."""
        import torch  # noqa: PLC0415 - heavy

        model = self._loaded.model
        ids = torch.tensor([prompt.ids])
        grids = torch.cat([picture.grid for picture in prompt.pictures]) if prompt.pictures else None
        kinds = (
            {"mm_token_type_ids": (ids == self._loaded.image_id).int()} if self._loaded.token_kinds else {}
        )
        found, offset = model.model.get_rope_index(ids, image_grid_thw=grids, **kinds)
        text = torch.arange(ids.shape[1])[None, None]
        return torch.cat([text, found]).to(model.device), int(offset)

    def _render(self, messages: Sequence[Message]) -> str:
        if self._loaded.tokenizer.chat_template is None:
            return chatml(messages)
        import jinja2  # noqa: PLC0415 - transformers' own need

        try:
            return str(
                self._loaded.tokenizer.apply_chat_template(
                    [_turn(message) for message in messages], tokenize=False, add_generation_prompt=True
                )
            )
        except jinja2.TemplateError as error:
            raise ModelError(f"the checkpoint's chat template fails: {error}") from error

    def _picture(self, frame: Frame) -> EncodedPicture:
        return self._kept.get((frame.id, self._budget), lambda: self._encode(frame))

    def _encode(self, frame: Frame) -> EncodedPicture:
        picture = np.array(resized(frame, self._budget))
        pixels, grid = patches(picture, self._loaded.image_processor, self._loaded.model.model.visual)
        merged = self._loaded.image_processor.merge_size**2
        return EncodedPicture(frame.id, pixels, grid, int(grid.prod()) // merged)


def patches(picture: Pixels, processor: Any, visual: Any) -> tuple[Any, Any]:
    """Normalise a resized picture and lay it out as the image processor does, but on the model's device.

    The processor works with NumPy on the CPU: 0.1 s for 1920x1080, and a GPU then waits for 50 MB
    of floats. Here the picture's bytes are sent to the device, and the rest is computed there.

    Args:
        picture: RGB pixels, both sides multiples of 32.
        processor: the checkpoint's image processor; has the mean, deviation and patch sizes.
        visual: the vision tower; has the device and the dtype.

    Returns:
        Patches of shape (height * width / patch², 3 * time * patch²), and the grid, (1, 3).
    """
    import torch  # noqa: PLC0415 - heavy

    patch, merge, moments = processor.patch_size, processor.merge_size, processor.temporal_patch_size
    rows, columns = (side // patch for side in picture.shape[:2])
    deviation = torch.tensor(processor.image_std, device=visual.device)
    mean = torch.tensor(processor.image_mean, device=visual.device)
    values = torch.from_numpy(picture).to(visual.device).float()
    values = values.mul_(processor.rescale_factor / deviation).sub_(mean / deviation).to(visual.dtype)
    values = values.view(rows // merge, merge, patch, columns // merge, merge, patch, 3)
    values = values.permute(0, 3, 1, 4, 6, 2, 5).unsqueeze(5)  # a picture is the same at every moment
    values = values.expand(*values.shape[:5], moments, patch, patch)
    return values.reshape(rows * columns, -1), torch.tensor([[1, rows, columns]])


def _turn(message: Message) -> dict[str, Any]:
    if not message.pictures:
        return {"role": message.role, "content": plain(message.text)}
    parts = [
        {"type": "text", "text": plain(part)} if isinstance(part, str) else {"type": "image"}
        for part in message.parts
    ]
    return {"role": message.role, "content": parts}
