"""`python -m dicface.training.demo train | export | card`: see `dicface.training.demo.weights`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from dicface.base.errors import DicfaceError
from dicface.config.load import load
from dicface.training.demo.card import write_card
from dicface.training.demo.weights import CONFIG, Unseen, export, train

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dicface.training.demo", description=__doc__)
    parser.add_argument("command", choices=("train", "export", "card"))
    parser.add_argument("--config", type=Path, nargs="+", default=list(CONFIG), metavar="FILE")
    parser.add_argument("--stills", type=Path, help="packed training frames")
    parser.add_argument("--unseen", type=Path, required=True, help="packed unseen faces")
    parser.add_argument("--out", type=Path, required=True, help="folder of the training")
    parser.add_argument("--look-every", type=int, default=500, help="steps (default 500)")
    parser.add_argument("--faces", type=int, default=32, help="faces of a look (default 32)")
    parser.add_argument("--to", type=Path, help="exported file")
    parser.add_argument("--machine", default="", help="kind of machine, for the card")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        config = load(*options.config)
        os.environ.setdefault("OMP_NUM_THREADS", str(config.threads))
        torch.set_num_threads(config.threads)
        if options.command == "train":
            if options.stills is None:
                parser.error("train needs --stills")
            train(
                config,
                stills=options.stills,
                unseen=options.unseen,
                out=options.out,
                look_every=options.look_every,
                num_looked_at=options.faces,
            )
            return 0
        unseen = Unseen.read(options.unseen, config, 64)
        if options.command == "export":
            to = options.to or options.out / "stage3.safetensors"
            logger.info("%s", export(options.out, to, unseen, {}))
        else:
            write_card(config, options.out, unseen, machine=options.machine)
    except DicfaceError as error:
        sys.stderr.write(f"demo_weights {options.command}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
