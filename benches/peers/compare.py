"""Times the same dense training step in the harness and in PyTorch, in turns.

    python benches/peers/compare.py [MODEL …] [--rounds N] [--threads N]

Needs torch 2.13 (and nothing else) in the Python that runs it, and the example built:

    cargo build --release -p harness --example step

All programs run on the same processors and one at a time: while one trains, the others wait for
input. Rounds alternate their order, so other work on the machine disturbs all alike. Prints the
median and the least time of a step, by the clock and of processor time, and in brackets the time
of the harness over that of the program. On a quiet machine quote the ratio of medians by the
clock; on a busy one, where a program waits for its turn in most steps, that of processor time.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Steps in one turn: short ones must outlast the change of program, long ones share the noise.
TURNS = {"lenet5": 40, "resnet18": 1, "minilm-l6": 1}
COLUMNS = {
    "clock, median": ("clock", statistics.median),
    "clock, least": ("clock", min),
    "processor, median": ("processor", statistics.median),
    "processor, least": ("processor", min),
}


class Program:
    """A process that trains on command."""

    def __init__(self, name, command):
        self.name, self.times = name, {"clock": [], "processor": []}
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.parameters = self.line().split()[-1]

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended with code {self.process.wait()}")
        return line

    def train(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        times = [float(time) for time in self.line().split()]
        return {"clock": times[::2], "processor": times[1::2]}

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(model, args):
    threads = ["--threads", str(args.threads)]
    python = [sys.executable, str(ROOT / "benches/peers/step.py"), model, *threads]
    programs = [
        Program("harness", [args.harness, model, *threads]),
        Program("PyTorch, usual", [*python, "--style", "usual"]),
        Program("PyTorch, best", [*python, "--style", "best"]),
    ]
    if len({program.parameters for program in programs}) != 1:
        sys.exit(f"{model}: the models differ: {[program.parameters for program in programs]}")
    steps = TURNS[model]
    for program in programs:
        program.train(args.warm_up * steps)
    for number in range(args.rounds):
        order = programs if number % 2 == 0 else programs[::-1]
        for program in order:
            for kind, times in program.train(steps).items():
                program.times[kind] += times
    for program in programs:
        program.end()

    ours, load = programs[0].times, os.getloadavg()[0]
    steps = len(ours["clock"])
    print(f"{model}: {programs[0].parameters} parameters, {steps} steps each, load {load:.1f}")
    print(f"  {'':16}" + "".join(f"{title:>22}" for title in COLUMNS))
    for program in programs:
        cells = [
            f"{of(program.times[kind]):13.3f} ms ({of(ours[kind]) / of(program.times[kind]):.3f})"
            for kind, of in COLUMNS.values()
        ]
        print(f"  {program.name:16}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all by default")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=3, help="rounds that do not count")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--harness", default=str(ROOT / "target/release/examples/step"))
    args = parser.parse_args()
    unknown = set(args.models) - set(TURNS)
    if unknown:
        parser.error(f"unknown models: {', '.join(sorted(unknown))}; known: {', '.join(TURNS)}")
    if hasattr(os, "sched_setaffinity"):
        # The programs inherit it.
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, processors[-args.threads :])
    for model in args.models or TURNS:
        compare(model, args)


if __name__ == "__main__":
    main()
