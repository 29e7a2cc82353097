"""How many replies of a random model, kept to their format, can't be read as an action: 0 is the aim.

A random-weight checkpoint answers through the same path as a released one, sampling at temperature 1.

    python benchmarks/constrained_replies.py [--replies 1000] [--dialect grounded|computer_use]
"""

import argparse
import time
from collections import Counter

import torch
from random_model import SHAPES, random_model

from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.core.messages import Message
from qvl_agent.actions.parsing.dialects import DIALECTS
from qvl_agent.actions.parsing.dialects.reply_format import MAX_REPLY_TEXT, reply_format
from qvl_agent.actions.parsing.reply import parse_action, read_reply
from qvl_agent.prompts import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replies", type=int, default=1000)
    parser.add_argument("--dialect", choices=DIALECTS, default=DIALECTS[0])
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--max-text", type=int, default=MAX_REPLY_TEXT, help="characters of a text to act on")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    kinds, unreadable, refused, tokens = Counter[str](), 0, 0, 0
    start = time.perf_counter()
    with random_model(chosen.shape, chosen.device, temperature=1.0, max_new_tokens=1024) as model:
        kept = model.with_format(reply_format(chosen.dialect, max_text=chosen.max_text))
        system = Message("system", (render(f"system_{chosen.dialect}", language=""),))
        for number in range(chosen.replies):
            asked = [system, Message("user", (f"Task {number}",))]
            reply = kept.reply(asked, stop=lambda: False)
            tokens += reply.reply_tokens or 0
            try:
                kinds[parse_action(reply.text).kind] += 1
                read_reply(reply)
            except ParseError as error:
                refused += 1
                unreadable += "cut off" not in str(error)
    seconds = time.perf_counter() - start
    print(f"{chosen.replies} replies, {tokens} tokens, {seconds:.0f} s: {dict(kinds)}")
    print(f"{unreadable} unreadable; {refused} refused because a text to act on reached its limit")


if __name__ == "__main__":
    main()
