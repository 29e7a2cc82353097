"""`python -m qvl_agent.sandbox.hosting chat`: run one of the applications.

Started by hand from a terminal it shows the window until Ctrl+D closes stdin.
"""

import argparse
import sys

from qvl_agent.sandbox.apps import APPS


def main() -> int:
    """Read the command line and run the application; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m qvl_agent.sandbox.hosting", description=__doc__)
    parser.add_argument("app", choices=APPS)
    parser.add_argument("--task")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from qvl_agent.sandbox.hosting.host import run  # noqa: PLC0415 - imports Qt

    return run(options.app, options.task, options.seed)


if __name__ == "__main__":
    sys.exit(main())
