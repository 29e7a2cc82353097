"""`python -m qvl_agent.sandbox.nano.making`: make nano's data, train it, and write its checkpoint.

The commands in the order in which they are run: data, tokens, see, speak, export. See docs/nano.md.
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
"""The options of `_train`, which both stages have; the others make up the stage's plan."""
_LEAST_SEEN = 20
"""How often a label must occur in the data to be a class of its own in the first stage."""


def _training(command: F) -> F:
    """Add the options that both stages have to a command."""
    for option in (
        click.option("--state", type=_FOLDER, required=True, help="Folder of the training; continues it."),
        click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Train for so long in all."),
        click.option("--steps", type=click.IntRange(1), help="Train so many steps in all."),
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, or as torch says."),
        click.option("--batch", type=click.IntRange(1), default=1, show_default=True,
                     help="Multiplies the pictures of a step; for a GPU."),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random draws."),
        click.option("--flat", is_flag=True, help="Keep the rate high to the end, to continue later."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make nano's data, train it, and write its checkpoint."""


@main.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--app",
    "apps",
    type=click.Choice(list(TASKS)),
    multiple=True,
    help="An application to use; default: all.",
)
@click.option(
    "--pictures",
    type=click.IntRange(1),
    default=6000,
    show_default=True,
    help="How many pictures of each application, at least.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes at once for each application.",
)
def data(folder: Path, apps: tuple[str, ...], pictures: int, processes: int) -> None:
    """Let the oracle do the tasks in real windows, and write the pictures and replies to FOLDER."""
    from qvl_agent.sandbox.nano.making.data.workers import make_data

    make_data(folder, apps or tuple(TASKS), pictures=pictures, processes=processes, report=click.echo)


@main.command()
@click.argument("folder", type=_FOLDER)
def tokens(folder: Path) -> None:
    """Learn the vocabulary from the data in FOLDER, and write tokenizer.json there."""
    from qvl_agent.sandbox.nano.making.data.shards import read_folder
    from qvl_agent.sandbox.nano.making.network.tokenizer import train_tokenizer, training_texts

    made = train_tokenizer(training_texts(read_folder(folder)))
    (folder / _TOKENIZER).write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    click.echo(f"{len(made['model']['vocab'])} tokens and {len(made['added_tokens'])} special ones")


@main.command()
@click.argument("folder", type=_FOLDER)
@_training
@click.option("--rate", type=float, default=2e-3, show_default=True, help="The highest learning rate.")
@click.option("--cuts", type=click.FloatRange(0, 1), nargs=2, default=(1.0, 0.4), show_default=True,
              help="Share of batches that are small cuts, at the beginning and at the end.")  # fmt: skip
@click.option("--after", type=_FOLDER, help="Start with the weights of this finished training.")
def see(folder: Path, state: Path, device: str, after: Path | None, **given: Any) -> None:
    """Stage 1: teach the vision tower with the data in FOLDER."""
    from qvl_agent.sandbox.nano.making.data.shards import number_labels, read_folder
    from qvl_agent.sandbox.nano.making.training.stage1_seeing import Seeing, SeePlan

    earlier = _earlier(state, after)
    episodes = read_folder(folder)
    words = number_labels(episodes, _LEAST_SEEN) if earlier is None else earlier.notes["words"]
    how = {name: given.pop(name) for name in _HOW}
    _train(Seeing(episodes, words, SeePlan(**given), device), earlier, state, **how)


@main.command()
@click.argument("folder", type=_FOLDER)
@_training
@click.option(
    "--after", type=_FOLDER, help="Start with the weights of this finished training of see or speak."
)
@click.option(
    "--rate", type=float, default=2e-3, show_default=True, help="The language model's highest learning rate."
)
@click.option(
    "--vision-rate",
    type=float,
    default=0.0,
    show_default=True,
    help="The vision tower's highest learning rate; 0: it isn't trained.",
)
@click.option("--questions", type=click.IntRange(0), default=1, show_default=True,
              help="Pictures with questions in a step.")  # fmt: skip
@click.option("--runs", type=click.IntRange(0), default=2, show_default=True, help="Whole runs in a step.")
@click.option(
    "--most",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="The most questions about a picture.",
)
@click.option("--words", type=click.FloatRange(0, 1), default=0.1, show_default=True,
              help="Share of the training, at its beginning, that uses texts without pictures.")  # fmt: skip
@click.option("--keys", type=click.IntRange(0), default=64, show_default=True,
              help="How many of the system prompt's keys are drawn each step; 0: all.")  # fmt: skip
@click.option("--names", is_flag=True, help="Also train on questions that need a name to be read.")
@click.option("--pointing", type=float, default=1.0, show_default=True,
              help="Weight of the losses for looking at the target and at repeated words.")  # fmt: skip
def speak(folder: Path, state: Path, device: str, after: Path | None, **given: Any) -> None:
    """Stage 2: teach the language model, and maybe the tower, with the data in FOLDER."""
    from qvl_agent.sandbox.nano.making.data.shards import read_folder
    from qvl_agent.sandbox.nano.making.network.tokenizer import NanoTokenizer
    from qvl_agent.sandbox.nano.making.training.stage2_speaking import Speaking, SpeakPlan

    earlier = _earlier(state, after)
    if earlier is None:
        raise SettingsError("expected --after with the state of see, as the tower has to see first")
    text = earlier.notes.get("tokenizer")
    tokenizer = NanoTokenizer.of(folder / _TOKENIZER) if text is None else NanoTokenizer(text)
    how = {name: given.pop(name) for name in _HOW}
    learner = Speaking(read_folder(folder), tokenizer, earlier.notes["words"], SpeakPlan(**given), device)
    _train(learner, earlier, state, **how)


@main.command()
@click.argument("state", type=_FOLDER)
@click.argument("checkpoint", type=_FOLDER)
def export(state: Path, checkpoint: Path) -> None:
    """Write the checkpoint of STATE, a training of speak, to the folder CHECKPOINT."""
    from qvl_agent.sandbox.nano.making.export import export as write
    from qvl_agent.sandbox.nano.making.training.state import load_state

    write(load_state(state), checkpoint)
    click.echo(f"{sum(path.stat().st_size for path in checkpoint.iterdir()) / 1e6:.1f} MB in {checkpoint}")


def _earlier(state: Path, after: Path | None) -> Any:
    """Return the state that a training continues from: its own, else that of `after`; None for neither."""
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
    from qvl_agent.sandbox.nano.making.training.loop import Budget, Progress, restore, train
    from qvl_agent.sandbox.nano.making.training.state import is_state

    if minutes is None and steps is None:
        raise SettingsError("expected --minutes or --steps, which say when the training ends; got neither")
    progress = Progress()
    if earlier is not None:
        same = earlier.notes["stage"] == learner.notes["stage"]
        done = restore(learner, earlier, moments=same)
        progress = done if is_state(state) else progress
        if not same:
            learner.begin()
    train(learner, Budget(minutes, steps), state, progress=progress, report=click.echo, seed=seed, flat=flat)


def _run() -> int:
    """Run a command; print the project's own errors as one line. Return the exit status."""
    try:
        main(standalone_mode=True)
    except QvlError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_run())
