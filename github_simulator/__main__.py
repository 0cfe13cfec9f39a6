"""`python -m github_simulator`: the simulator without tformance."""

from __future__ import annotations

import argparse
from pathlib import Path

from .run import run


def main() -> None:
    parser = argparse.ArgumentParser("github_simulator", description=__doc__)
    parser.add_argument("--data", type=Path, help="a recording to serve")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--token", help="a personal token that shall exist")
    parser.add_argument("--keep", type=Path, help="where the world is kept between two runs")
    parser.add_argument("--live", action="store_true", help="let time go on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0, help="milliseconds a request")
    parser.add_argument("--node-latency", type=float, default=0, help="milliseconds a node")
    parser.add_argument("--callback-url", action="append", default=[], help="of the OAuth app")
    chosen = parser.parse_args()
    run(
        chosen.data,
        chosen.port,
        chosen.host,
        kept=chosen.keep,
        personal_token=chosen.token,
        live=chosen.live,
        seed=chosen.seed,
        latency=chosen.latency / 1000,
        node_latency=chosen.node_latency / 1000,
        callback_urls=tuple(chosen.callback_url),
    )


if __name__ == "__main__":
    main()
