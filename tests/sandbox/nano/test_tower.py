"""What is trained is what runs: tower and text give what transformers' own forward pass gives."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from qvl_agent.agent.models.checkpoint.inputs import patches as backends
from qvl_agent.sandbox.nano.making.network.heads import CODE_WIDTH, encode_coordinates
from qvl_agent.sandbox.nano.making.network.language import (
    POINTING_LAYER,
    Pack,
    picture_positions,
    read_pack,
    read_prefix,
)
from qvl_agent.sandbox.nano.making.network.start import build, build_heads, tie_numbers, tie_pointing
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL
from qvl_agent.sandbox.nano.making.network.tower import (
    PatchPositions,
    cut_patches,
    encode_pictures,
    rotate_halves,
)
from qvl_agent.sandbox.nano.making.shape import DEVIATION, GRID, MEAN

IMAGE, BEGIN, END = (SPECIAL.index(name) for name in ("<|image_pad|>", "<|vision_start|>", "<|vision_end|>"))
FULL = torch.float32


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return build().eval()


def picture(grid: tuple[int, int]) -> torch.Tensor:
    noise = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (1, 32 * grid[0], 32 * grid[1], 3), dtype=torch.uint8, generator=noise)


def rows_of(cut: torch.Tensor) -> torch.Tensor:
    """Patches as the image processor lays them out: each picture twice, for both moments."""
    return cut.view(-1, 3, 1, 16, 16).expand(-1, 3, 2, 16, 16).reshape(-1, 1536)


@torch.no_grad()
def test_the_patches_are_the_backends(model: torch.nn.Module) -> None:
    processor = SimpleNamespace(
        patch_size=16, merge_size=2, temporal_patch_size=2, rescale_factor=1 / 255,
        image_mean=[MEAN] * 3, image_std=[DEVIATION] * 3,
    )  # fmt: skip
    shown = picture((3, 4))
    theirs, grid = backends(shown[0].numpy(), processor, model.model.visual)
    assert grid.tolist() == [[1, 6, 8]]
    torch.testing.assert_close(rows_of(cut_patches(shown, MEAN, DEVIATION)), theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("grid", [GRID, (4, 7)], ids=["screen", "close-up"])
@torch.no_grad()
def test_the_tower_sees_what_transformers_sees(model: torch.nn.Module, grid: tuple[int, int]) -> None:
    visual = model.model.visual
    cut = cut_patches(picture(grid), MEAN, DEVIATION)
    theirs = visual(rows_of(cut), torch.tensor([[1, 2 * grid[0], 2 * grid[1]]])).pooler_output
    ours = encode_pictures(
        visual, PatchPositions(visual, grid), cut, torch.arange(grid[0] * grid[1])[None], dtype=FULL
    )
    assert theirs.abs().mean() > 0.01
    torch.testing.assert_close(ours[0], theirs, atol=2e-4, rtol=1e-3)


@torch.no_grad()
def test_a_cut_knows_where_it_lies(model: torch.nn.Module) -> None:
    """Its cells have the whole picture's places, so the same pixels elsewhere look different."""
    visual = model.model.visual
    places, cut = PatchPositions(visual), cut_patches(picture((2, 6)), MEAN, DEVIATION)
    near = (torch.arange(2)[:, None] * GRID[1] + torch.arange(6)).flatten()[None]
    here, there = (
        encode_pictures(visual, places, cut, cells, dtype=FULL) for cells in (near, near + 5 * GRID[1] + 7)
    )
    assert (here - there).abs().max() > 1e-3


@torch.no_grad()
def test_the_text_reads_what_transformers_reads(model: torch.nn.Module) -> None:
    """Two questions in one pack, each as if it were alone with the picture."""
    text, visual = model.model.language_model, model.model.visual
    draw = torch.Generator().manual_seed(2)
    system, before, *asked = (torch.randint(20, 4000, (count,), generator=draw) for count in (9, 4, 7, 5))
    cut = rows_of(cut_patches(picture(GRID), MEAN, DEVIATION))
    grid = torch.tensor([[1, 2 * GRID[0], 2 * GRID[1]]])
    count = GRID[0] * GRID[1]
    shown = torch.cat([before, torch.tensor([BEGIN]), torch.full((count,), IMAGE), torch.tensor([END])])
    theirs = []
    for words in asked:
        ids = torch.cat([system, shown, words])[None]
        kinds = (ids == IMAGE).int()
        out = model(input_ids=ids, pixel_values=cut, image_grid_thw=grid, mm_token_type_ids=kinds)
        theirs.append(out.logits[0, len(system) :])
    start, after = len(system) + 5, len(system) + 5 + max(GRID)
    positions = [torch.arange(len(system), start).expand(3, -1), picture_positions(start)]
    positions += [torch.tensor([after]).expand(3, 1)]
    positions += [torch.arange(after + 1, after + 1 + len(words)).expand(3, -1) for words in asked]
    branch = [torch.zeros(len(shown)), *(torch.full((len(one),), k) for k, one in enumerate(asked, 1))]
    pack = Pack(
        ids=torch.cat([shown, *asked]),
        positions=torch.cat(positions, 1),
        branch=torch.cat(branch).long(),
        pictures=((5, 0, count),),
        learnt=torch.zeros(0, dtype=torch.bool),
        pointings=(),
        copies=(),
        numbers=(),
    )
    seen = visual(cut, grid).pooler_output
    prefix = read_prefix(text, system, keep=0, dtype=FULL)
    ours = model.lm_head(read_pack(text, prefix, pack, [seen], dtype=FULL)[0])
    begin = len(shown)
    for words, right in zip(asked, theirs, strict=True):
        torch.testing.assert_close(
            ours[begin : begin + len(words)], right[len(shown) :], atol=2e-3, rtol=1e-3
        )
        begin += len(words)
    torch.testing.assert_close(ours[: len(shown)], theirs[0][: len(shown)], atol=2e-3, rtol=1e-3)


@torch.no_grad()
def test_keys_that_are_drawn_stand_for_the_others(model: torch.nn.Module) -> None:
    text = model.model.language_model
    ids = torch.randint(20, 4000, (200,), generator=torch.Generator().manual_seed(3))
    few = read_prefix(text, ids, keep=64, dtype=FULL, rng=torch.Generator().manual_seed(4))
    whole = read_prefix(text, ids, keep=0, dtype=FULL)
    assert [key.shape[1] for key in few.keys] == [64] * 5
    assert torch.equal(few.keys[0][:, :4], whole.keys[0][:, :4]), "the first keys are always there"
    assert float(few.bias[:4].abs().max()) == 0
    assert float(few.bias[4:].exp().sum()) == pytest.approx(196, rel=1e-4)
    again = read_prefix(text, ids, keep=64, dtype=FULL, rng=torch.Generator().manual_seed(4))
    assert torch.equal(few.keys[4], again.keys[4])


# Where the weights start


@pytest.mark.parametrize(
    ("layer", "head", "down", "right"), [(0, 0, 0, -1), (0, 3, 1, 0), (1, 1, 0, 1), (2, 2, -2, 0)]
)
@torch.no_grad()
def test_some_heads_start_as_looks_at_a_neighbour(
    model: torch.nn.Module, layer: int, head: int, down: int, right: int
) -> None:
    """By the library's own rotary embedding, whatever the patches show."""
    visual, (high, wide) = model.model.visual, (10, 14)
    attention = visual.blocks[layer].attn
    size = visual.config.hidden_size // visual.config.num_heads
    rows, columns = (
        part.flatten() for part in torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
    )
    cos, sin = visual.rotary_pos_emb(torch.zeros(1), torch.stack([rows, columns], -1))
    noise = torch.Generator().manual_seed(3)
    shown = torch.randn(high * wide, visual.config.hidden_size, generator=noise)
    query, key, _ = attention.qkv(shown).view(high * wide, 3, -1, size)[:, :, head].unbind(1)
    query, key = (rotate_halves(part, cos, sin) for part in (query, key))
    looked_at = (query @ key.T).argmax(-1)
    inside = (rows >= 2) & (rows < high - 2) & (columns >= 2) & (columns < wide - 2)
    hit = (rows[looked_at] - rows == down) & (columns[looked_at] - columns == right)
    assert float(hit[inside].float().mean()) > 0.8


@torch.no_grad()
def test_the_pointing_heads_say_what_the_first_stages_heads_read() -> None:
    """What they bring of a cell is likest to the tokens of the numbers that are read from that cell."""
    text, heads = build().model.language_model, build_heads(320, 3)
    numbers = torch.arange(1000)
    torch.nn.init.uniform_(text.layers[POINTING_LAYER].input_layernorm.weight, 0.5, 2)
    tie_numbers(text, numbers)
    tie_pointing(text, heads)
    layer = text.layers[POINTING_LAYER]
    noise = torch.Generator().manual_seed(2)
    for side in range(4):
        own = heads.reading()[side]
        wanted = encode_coordinates(torch.tensor([370.0]), side % 2)[0]
        seen = torch.linalg.lstsq(own, wanted[:, None]).solution[:, 0]
        seen += 1e-3 * torch.randn(len(seen), generator=noise)
        value = layer.self_attn.v_proj(seen * layer.input_layernorm.weight).view(-1, CODE_WIDTH)
        kept = torch.zeros_like(value)
        kept[[side, side + 4]] = value[[side, side + 4]]
        said = layer.self_attn.o_proj(kept.flatten()) @ text.embed_tokens.weight[:1000].T
        assert int(said.argmax()) == 370


def test_a_code_that_is_read_as_a_place_a_cell_away_is_worse_than_one_as_far_that_is_not() -> None:
    """Across, a cell is 41.67 thousandths wide."""
    heads, right = build_heads(320, 3), torch.tensor([[200, 300, 240, 340]])
    exact, away = (
        torch.stack([heads.numbers[side, right[0, side] + by] for side in range(4)]) for by in (0, 42)
    )
    boxes = right[:, None].expand(1, 5, 4)

    def loss(own: torch.Tensor) -> tuple[float, float]:
        said: dict[str, float] = {}
        coded = torch.cat([exact.expand(1, 4, 4, CODE_WIDTH), own[None, None]], 1)
        return float(heads._box_loss(coded, boxes, torch.ones(1, 5), said)), said["hits"]

    towards, from_it = (exact + by * (away - exact) for by in (0.6, -0.6))
    assert loss(exact)[1] == loss(from_it)[1] == 1
    assert loss(towards)[1] == 0
    assert loss(exact)[0] < loss(from_it)[0] < loss(towards)[0] - 0.1
