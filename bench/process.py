"""`python -m bench.process CASE CONTENDER`: one run of one contender. The place comes as JSON on stdin, the figures leave as JSON."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
from dataclasses import asdict

from bench.measuring import Contender
from bench.surroundings import Place
from shared import telemetry


def main(case: str, contender: str) -> None:
    telemetry.configure_logs("bench", level="WARNING")
    place = Place(**json.load(sys.stdin))
    run: Contender = importlib.import_module(f"bench.cases.{case}").CONTENDERS[contender]
    gc.collect()
    profile = os.environ.get("BENCH_PROFILE")
    if profile:  # Where the time goes: slower, so its figures count for nothing.
        import cProfile

        profiler = cProfile.Profile()
        profiler.enable()
        measured = asyncio.run(run(place))
        profiler.disable()
        profiler.dump_stats(profile)
    else:
        measured = asyncio.run(run(place))
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main(*sys.argv[1:])
