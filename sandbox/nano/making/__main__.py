"""`python -m qvl_agent.sandbox.nano.making`: make nano's data, train it, and write its checkpoint.

The commands in their order: data, tokens, see, speak, export.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qvl_agent.actions.core.errors import QvlError, SettingsError
from qvl_agent.sandbox.tasks import TASKS

__all__ = ["main"]

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = click.Path(file_okay=False, path_type=Path)
_TOKENIZER = "tokenizer.json"
_HOW = ("minutes", "steps", "seed", "flat")
"""Options of the training itself, whatever the stage."""
_LEAST_SEEN = 20
"""A label is a word of its own for the first stage's heads if it was seen so often."""


def _training(command: F) -> F:
    """The options that both stages have."""
    for option in (
        click.option("--state", type=_FOLDER, required=True, help="Keeps it; it goes on from there."),
        click.option("--minutes", type=click.FloatRange(0, min_open=True), help="How long, in all."),
        click.option("--steps", type=click.IntRange(1), help="How many steps, in all."),
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, or as torch says."),
        click.option("--batch", type=click.IntRange(1), default=1, show_default=True,
                     help="How many times the pictures a step; for a GPU."),
        click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn."),
        click.option("--flat", is_flag=True, help="Keep the rate to the end, for a training that goes on."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make nano's data, train it, and write its checkpoint."""


@main.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--app", "apps", type=click.Choice(list(TASKS)), multiple=True, help="Of which; by default of all."
)
@click.option(
    "--pictures", type=click.IntRange(1), default=6000, show_default=True, help="At least, of each."
)
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="At once, of each.")
def data(folder: Path, apps: tuple[str, ...], pictures: int, processes: int) -> None:
    """Let the oracle do the tasks in real windows, and keep what it saw and said in FOLDER."""
    from qvl_agent.sandbox.nano.making.data.workers import make_all

    make_all(folder, apps or tuple(TASKS), pictures=pictures, processes=processes, say=click.echo)


@main.command()
@click.argument("folder", type=_FOLDER)
def tokens(folder: Path) -> None:
    """Learn the vocabulary from the data in FOLDER, and write its tokenizer.json there."""
    from qvl_agent.sandbox.nano.making.data.shards import read
    from qvl_agent.sandbox.nano.making.network.tokenizer import texts, train

    made = train(texts(read(folder)))
    (folder / _TOKENIZER).write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    click.echo(f"{len(made['model']['vocab'])} tokens and {len(made['added_tokens'])} special ones")


@main.command()
@click.argument("folder", type=_FOLDER)
@_training
@click.option("--rate", type=float, default=2e-3, show_default=True, help="Of learning, at its highest.")
@click.option("--cuts", type=click.FloatRange(0, 1), nargs=2, default=(1.0, 0.4), show_default=True,
              help="The share of batches of small cuts, at the beginning and at the end.")  # fmt: skip
@click.option("--after", type=_FOLDER, help="Begin with the weights of this finished training.")
def see(folder: Path, state: Path, device: str, after: Path | None, **given: Any) -> None:
    """Stage 1: teach the vision tower with the data in FOLDER."""
    from qvl_agent.sandbox.nano.making.data.shards import labels, read
    from qvl_agent.sandbox.nano.making.training.stage1_seeing import Seeing, SeePlan

    earlier = _earlier(state, after)
    episodes = read(folder)
    words = labels(episodes, _LEAST_SEEN) if earlier is None else earlier.notes["words"]
    how = {name: given.pop(name) for name in _HOW}
    _train(Seeing(episodes, words, SeePlan(**given), device), earlier, state, **how)


@main.command()
@click.argument("folder", type=_FOLDER)
@_training
@click.option(
    "--after", type=_FOLDER, help="Begin with the weights of this finished training of see, or speak."
)
@click.option("--rate", type=float, default=2e-3, show_default=True, help="Of the language model's learning.")
@click.option("--vision-rate", type=float, default=0.0, show_default=True, help="Of the tower's; 0: none.")
@click.option("--questions", type=click.IntRange(0), default=1, show_default=True,
              help="Pictures with questions a step.")  # fmt: skip
@click.option("--runs", type=click.IntRange(0), default=2, show_default=True, help="Whole runs a step.")
@click.option("--most", type=click.IntRange(1), default=20, show_default=True, help="Questions of a picture.")
@click.option("--words", type=click.FloatRange(0, 1), default=0.1, show_default=True,
              help="The share of the training, first, that has words alone.")  # fmt: skip
@click.option("--keys", type=click.IntRange(0), default=64, show_default=True,
              help="Of the system prompt that are drawn; 0: all.")  # fmt: skip
@click.option("--names", is_flag=True, help="Also ask what only a name answers.")
@click.option("--pointing", type=float, default=1.0, show_default=True,
              help="The weight of looking at the target while a box is written.")  # fmt: skip
def speak(folder: Path, state: Path, device: str, after: Path | None, **given: Any) -> None:
    """Stage 2: teach the whole model with the data in FOLDER."""
    from qvl_agent.sandbox.nano.making.data.shards import read
    from qvl_agent.sandbox.nano.making.network.tokenizer import Coder
    from qvl_agent.sandbox.nano.making.training.stage2_speaking import Speaking, SpeakPlan

    earlier = _earlier(state, after)
    if earlier is None:
        raise SettingsError("expected --after with the state of see, as the tower has to see first")
    text = earlier.notes.get("tokenizer")
    coder = Coder.of(folder / _TOKENIZER) if text is None else Coder(text)
    how = {name: given.pop(name) for name in _HOW}
    learner = Speaking(read(folder), coder, earlier.notes["words"], SpeakPlan(**given), device)
    _train(learner, earlier, state, **how)


@main.command()
@click.argument("state", type=_FOLDER)
@click.argument("checkpoint", type=_FOLDER)
def export(state: Path, checkpoint: Path) -> None:
    """Write the checkpoint of speak's STATE to the folder CHECKPOINT."""
    from qvl_agent.sandbox.nano.making.export import export as write
    from qvl_agent.sandbox.nano.making.training.state import load_state

    write(load_state(state), checkpoint)
    click.echo(f"{sum(path.stat().st_size for path in checkpoint.iterdir()) / 1e6:.1f} MB in {checkpoint}")


def _earlier(state: Path, after: Path | None) -> Any:
    """Read what a training goes on from: its own state, else that of the one before; None for neither."""
    from qvl_agent.sandbox.nano.making.training.state import is_state, load_state

    if is_state(state):
        return load_state(state)
    return None if after is None else load_state(after)


def _train(
    learner: Any,
    earlier: Any,
    state: Path,
    *,
    minutes: float | None,
    steps: int | None,
    seed: int,
    flat: bool,
) -> None:
    from qvl_agent.sandbox.nano.making.training.loop import Budget, Progress, put_back, train
    from qvl_agent.sandbox.nano.making.training.state import is_state

    if minutes is None and steps is None:
        raise SettingsError("expected --minutes or --steps, which say when the training ends; got neither")
    progress = Progress()
    if earlier is not None:
        same = earlier.notes["stage"] == learner.notes["stage"]
        done = put_back(learner, earlier, moments=same)
        progress = done if is_state(state) else progress
        if not same:
            learner.begin()
    train(learner, Budget(minutes, steps), state, progress=progress, say=click.echo, seed=seed, flat=flat)


def _run() -> int:
    """Run a command; an error of ours is one line."""
    try:
        main(standalone_mode=True)
    except QvlError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_run())
