"""Stage 2: teach the language model to reply in the loop's words and to point; the tower may learn on.

At first it reads texts without pictures, many to a step. Then each picture is encoded once a step. If the
tower learns too, the loss of a picture's pack is propagated back into it, together with the first stage's
losses, which keep it from forgetting.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from qvl_agent.sandbox.nano.making.network.copying import identity_codes, start_copying, tie_copying
from qvl_agent.sandbox.nano.making.network.language import Pack, read_pack, read_prefix
from qvl_agent.sandbox.nano.making.network.start import (
    build,
    build_heads,
    start_pointing,
    tie_numbers,
    tie_pointing,
)
from qvl_agent.sandbox.nano.making.network.tokenizer import NanoTokenizer
from qvl_agent.sandbox.nano.making.network.tower import PatchPositions, cut_patches, encode_pictures
from qvl_agent.sandbox.nano.making.samples import Episode, Shot
from qvl_agent.sandbox.nano.making.shape import DEVIATION, GRID, MEAN
from qvl_agent.sandbox.nano.making.training.loss import ReplyLoss
from qvl_agent.sandbox.nano.making.training.optimiser import Optimiser
from qvl_agent.sandbox.nano.making.training.packs import questions_pack, run_pack, words_pack
from qvl_agent.sandbox.nano.making.training.sampling import Pool
from qvl_agent.sandbox.nano.making.training.stage1_seeing import dense_targets
from qvl_agent.sandbox.nano.making.training.words_only import ConversationPool

__all__ = ["SpeakBatch", "SpeakPlan", "Speaking"]

_HELD_OUT: Final = 120
"""How many runs are used for validation only; at most a tenth of all."""
_VALIDATED: Final = 24
"""How many pictures are validated on; half as many runs."""
_ALL_KEYS: Final = 0.1
"""The share of steps that use all of the system prompt's keys."""
_WORDS: Final = (16, 5)
"""Questions and runs of a step without pictures."""
_WORDS_BESIDE: Final = (8, 2)
"""Questions and runs without pictures in every other step."""
_COUNTS: Final = {"question": 1.0, "run": 2.5, "words": 1.0}
"""The weight of a learnt token, by the kind of its pack: runs have few."""
_DENSE: Final = 5
"""How many whole pictures a step the first stage's heads are trained on, if the tower learns."""
_DENSE_WEIGHT: Final = 0.3
"""The weight of the heads' losses."""
_LOOKED_AT: Final = 24
"""How many pictures show `start_copying` what the tower gives."""
_TOGETHER: Final = 4
"""How many whole pictures the tower encodes at once."""


@dataclass(frozen=True, slots=True)
class SpeakPlan:
    """The second stage's hyperparameters.

    Attributes:
        rate: The language model's highest learning rate.
        vision_rate: The tower's highest learning rate; 0 doesn't train it.
        questions: Packs a step that are a picture with questions.
        runs: Packs a step that are a run.
        most: The most questions about a picture.
        words: The share of the training, at its beginning, that uses texts without pictures.
        keys: How many of the system prompt's keys are drawn; 0 for all.
        pointing: The weight of the pointing and copying losses.
        names: Whether to train on questions that need a name to be read: see `sampling`.
        batch: A factor on the packs of a step; 1 suits two CPU cores, more a GPU.
    """

    rate: float = 2e-3
    vision_rate: float = 0.0
    questions: int = 1
    runs: int = 2
    most: int = 20
    words: float = 0.1
    keys: int = 64
    pointing: float = 1.0
    names: bool = False
    batch: int = 1


@dataclass(frozen=True, slots=True)
class SpeakBatch:
    """Packs, each with its pictures.

    Attributes:
        kinds: The kind of each pack: "question", "run" or "words".
        packs: The packs.
        shots: The pictures of each pack.
        keys: How many of the system prompt's keys are drawn; 0 for all.
        seed: The seed of what is drawn in the step.
    """

    kinds: tuple[str, ...]
    packs: tuple[Pack, ...]
    shots: tuple[tuple[Shot, ...], ...]
    keys: int
    seed: int


class Speaking:
    """The second stage: a `Learner` of the whole model, and of the first stage's heads.

    Args:
        episodes: The data; some of it is held out for validation.
        tokenizer: The tokenizer.
        words: The numbers of labels that the first stage had.
        plan: The hyperparameters.
        device: The torch device.
    """

    warm_up = 50
    final_rate = 0.04

    def __init__(
        self,
        episodes: Sequence[Episode],
        tokenizer: NanoTokenizer,
        words: dict[str, int],
        plan: SpeakPlan,
        device: str = "cpu",
    ) -> None:
        shuffled = random.Random(5).sample(list(episodes), len(episodes))
        held = min(_HELD_OUT, len(shuffled) // 10)
        self._held_out = Pool.of(shuffled[:held], names=plan.names)
        self._trained = Pool.of(shuffled[held:], names=plan.names)
        self._conversations = ConversationPool(shuffled[held:])
        self._tokenizer, self._words, self._plan, self._device = tokenizer, words, plan, device
        self.model = build(tokenizer.special)
        self._visual, self._text = self.model.model.visual, self.model.model.language_model
        self.model.to(device)
        self._heads = build_heads(self._visual.config.out_hidden_size, len(words)).to(device)
        self._identity_codes = identity_codes(tokenizer.bare).to(device)
        self._places = {GRID: PatchPositions(self._visual)}
        self._reply_loss = ReplyLoss(tokenizer, device)
        eyes: dict[str, nn.Module] = {"visual": self._visual, "heads": self._heads}
        self.modules: dict[str, nn.Module] = {**eyes, "text": self._text}
        self.optimisers = {"text": Optimiser({"text": self._text}, plan.rate)}
        if plan.vision_rate:
            self.optimisers["visual"] = Optimiser(eyes, plan.vision_rate)
        self.notes: dict[str, Any] = {"stage": "speak", "words": words, "tokenizer": tokenizer.text}

    def begin(self) -> None:
        """Prepare the weights for pointing and copying, once the first stage's weights are loaded."""
        chosen = self._trained.some_shots(random.Random(0), _LOOKED_AT)
        with torch.no_grad():
            seen = torch.cat([self._encoded([shot])[0] for shot in chosen])
        start_copying(self._visual, self._heads, self._text, seen)
        start_pointing(self._visual, self._heads, self._text)
        self._tie()

    def batch(self, rng: random.Random, share: float) -> SpeakBatch:
        """Make a batch of packs; of texts without pictures at the beginning."""
        plan = self._plan
        if share < plan.words:
            return self._words_alone(rng)
        questions = self._trained.some_shots(rng, plan.questions * plan.batch)
        packs = [questions_pack(self._tokenizer, shot, rng, plan.most) for shot in questions]
        shots: list[tuple[Shot, ...]] = [(shot,) for shot in questions]
        runs = self._trained.some_runs(rng, plan.runs * plan.batch)
        for run in runs:
            packs.append(run_pack(self._tokenizer, run))
            shots.append(run.shots[: len(packs[-1].pictures)])
        words = self._words_packs(rng, _WORDS_BESIDE)
        kinds = ["question"] * len(questions) + ["run"] * len(runs) + ["words"] * len(words)
        return SpeakBatch(
            kinds=tuple(kinds),
            packs=(*packs, *words),
            shots=(*shots, *[()] * len(words)),
            keys=self._keys(rng),
            seed=rng.getrandbits(32),
        )

    def _words_alone(self, rng: random.Random) -> SpeakBatch:
        packs = self._words_packs(rng, _WORDS)
        return SpeakBatch(
            kinds=("words",) * len(packs),
            packs=packs,
            shots=((),) * len(packs),
            keys=self._keys(rng),
            seed=rng.getrandbits(32),
        )

    def _words_packs(self, rng: random.Random, counts: tuple[int, int]) -> tuple[Pack, ...]:
        questions, runs = (count * self._plan.batch for count in counts)
        drawn = self._conversations.some_questions(rng, questions), self._conversations.some_runs(rng, runs)
        return tuple(words_pack(self._tokenizer, some) for some in drawn if some)

    def _keys(self, rng: random.Random) -> int:
        return 0 if rng.random() < _ALL_KEYS else self._plan.keys

    def step(self, batch: SpeakBatch, rate_share: float) -> dict[str, float]:
        """Learn from a batch; return figures by "KIND/NAME"."""
        moves = "visual" in self.optimisers
        with torch.set_grad_enabled(moves):
            seen = self._see(batch.shots)
        given = [[cells.detach().requires_grad_(moves) for cells in pictures] for pictures in seen]
        figures = self._read(batch, given)
        self.optimisers["text"].step(self._plan.rate * rate_share)
        if moves and any(batch.shots):
            figures |= self._teach_eyes(batch, seen, given)
            self.optimisers["visual"].step(self._plan.vision_rate * rate_share)
        loud = [value for name, value in figures.items() if name.endswith("/loudness")]
        self._tie(sum(loud) / len(loud))
        return figures

    def _tie(self, loudness: float | None = None) -> None:
        """Set the weights that aren't learnt: they would be lost before the model knows where to look."""
        tie_numbers(self._text, self._tokenizer.numbers)
        tie_copying(self._text, self._identity_codes, loudness)
        tie_pointing(self._text, self._heads)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the loss and figures on held-out pictures and runs."""
        rng, found = random.Random(3), dict[str, list[float]]()
        packs = list[tuple[str, Pack, tuple[Shot, ...]]]()
        for shot in self._held_out.some_shots(rng, _VALIDATED):
            packs.append(("question", questions_pack(self._tokenizer, shot, rng, self._plan.most), (shot,)))
        for run in self._held_out.some_runs(rng, _VALIDATED // 2):
            pack = run_pack(self._tokenizer, run)
            packs.append(("run", pack, run.shots[: len(pack.pictures)]))
        prefix = read_prefix(self._text, self._tokenizer.system, keep=0)
        for kind, pack, shots in packs:
            reading = read_pack(self._text, prefix, pack, self._see([shots])[0])
            loss, figures = self._reply_loss.loss(reading.hidden, self._text.embed_tokens.weight, pack)
            for name, value in {"loss": float(loss), **figures}.items():
                found.setdefault(f"held out/{kind}/{name}", []).append(value)
        return _means(found)

    def _see(self, shots: Iterable[Sequence[Shot]]) -> list[list[Tensor]]:
        """Encode each pack's pictures, whole ones together, close-ups singly: shape (cells, width) each."""
        listed = [list(pictures) for pictures in shots]
        flat = [shot for pictures in listed for shot in pictures]
        seen: dict[int, Tensor] = {}
        whole = [index for index, shot in enumerate(flat) if shot.whole]
        size = _TOGETHER * self._plan.batch
        together = [whole[start : start + size] for start in range(0, len(whole), size)]
        for chosen in together + [[index] for index, shot in enumerate(flat) if not shot.whole]:
            seen |= zip(chosen, self._encoded([flat[index] for index in chosen]), strict=True)
        order = iter(range(len(flat)))
        return [[seen[next(order)] for _ in pictures] for pictures in listed]

    def _encoded(self, shots: list[Shot]) -> Tensor:
        """Encode pictures of the same size: shape (pictures, cells, width)."""
        grid = shots[0].grid
        places = self._places.get(grid) or PatchPositions(self._visual, grid)
        pictures = torch.stack([torch.from_numpy(shot.pixels()) for shot in shots]).to(self._device)
        cells = torch.arange(grid[0] * grid[1], device=self._device).expand(len(shots), -1)
        return encode_pictures(self._visual, places, cut_patches(pictures, MEAN, DEVIATION), cells)

    def _read(self, batch: SpeakBatch, given: list[list[Tensor]]) -> dict[str, float]:
        """Read all packs and propagate their losses back, weighted by their numbers of learnt tokens."""
        draw = torch.Generator().manual_seed(batch.seed)
        prefix = read_prefix(self._text, self._tokenizer.system, keep=batch.keys, rng=draw)
        weights = [
            _COUNTS[kind] * int(pack.learnt.sum())
            for kind, pack in zip(batch.kinds, batch.packs, strict=True)
        ]
        figures = dict[str, list[float]]()
        for kind, pack, pictures, weight in zip(batch.kinds, batch.packs, given, weights, strict=True):
            reading = read_pack(self._text, prefix, pack, pictures)
            loss, said = self._reply_loss.loss(reading.hidden, self._text.embed_tokens.weight, pack)
            looking = reading.pointing_loss + reading.copying_loss
            torch.autograd.backward((loss + self._plan.pointing * looking) * (weight / sum(weights)))
            for name, value in {
                **said,
                "loss": float(loss.detach()),
                "missed": float(reading.pointing_loss.detach()),
                "uncopied": float(reading.copying_loss.detach()),
                "loudness": float(reading.loudness),
            }.items():
                figures.setdefault(f"{kind}/{name}", []).append(value)
        return _means(figures)

    def _teach_eyes(
        self, batch: SpeakBatch, seen: list[list[Tensor]], given: list[list[Tensor]]
    ) -> Mapping[str, float]:
        """Propagate the packs' losses and the heads' losses on some pictures back into the tower."""
        cells = [one for some in seen for one in some]
        shots = [shot for some in batch.shots for shot in some]
        whole = [pair for pair in zip(cells, shots, strict=True) if pair[1].whole]
        whole = random.Random(batch.seed).sample(whole, min(_DENSE, len(whole)))
        targets = dense_targets([shot for _, shot in whole], self._words)
        loss, said = self._heads(
            torch.cat([one for one, _ in whole]),
            {name: target.to(self._device) for name, target in targets.items()},
        )
        total = loss * _DENSE_WEIGHT
        for one, leaf in zip(cells, (leaf for some in given for leaf in some), strict=True):
            if leaf.grad is not None:
                total = total + (one.float() * leaf.grad.float()).sum()
        torch.autograd.backward(total)
        return {f"eyes/{name}": value for name, value in said.items()}


def _means(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: sum(values) / len(values) for name, values in found.items()}
