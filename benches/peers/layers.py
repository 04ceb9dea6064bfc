"""Times single layers: our sparse kernels, PyTorch dense, PyTorch's CSR tensors and SparseProp.

    cargo build --release -p dst-kernels --example layers
    python benches/peers/layers.py [NAME …] [--rounds N] [--densities 0.2,0.1,0.05]

Needs torch 2.13 and, for its columns, sparseprop (Nikdan et al. 2023) in the Python that runs it. NAME is a
part of a layer's name, such as "conv 64". One thread, on one processor, forward and backward (gradients of
input and weights, without a bias), least time of all rounds. All take turns, layer by layer.

Our kernels are timed where they are (the example `layers`), with samples innermost as layers hand them on;
"converting" adds what it takes to bring input, output and the gradients of both into that order and back,
as if every other layer were dense. PyTorch and SparseProp are timed through autograd, as they are used. Of SparseProp's
two convolutions the faster one counts, as its authors advise.
"""

import argparse
import os
import subprocess
import time
import warnings
from pathlib import Path

import torch
from torch import nn

try:
    from sparseprop.modules import SparseConv2d, SparseLinear
except ImportError:
    SparseConv2d = SparseLinear = None

ROOT = Path(__file__).resolve().parents[2]

# Name: batch, and the layer and the shape of one input; the same as in the example.
LAYERS = {
    "linear 784-1000": (64, lambda: nn.Linear(784, 1000, bias=False), (784,)),
    "linear 1000-1000": (64, lambda: nn.Linear(1000, 1000, bias=False), (1000,)),
    "linear 400-120": (64, lambda: nn.Linear(400, 120, bias=False), (400,)),
    "linear 300-100": (64, lambda: nn.Linear(300, 100, bias=False), (300,)),
    "linear 768-3072": (512, lambda: nn.Linear(768, 3072, bias=False), (768,)),
    "linear 384-1536": (2048, lambda: nn.Linear(384, 1536, bias=False), (384,)),
    "conv 1-6 5x5 28": (64, lambda: nn.Conv2d(1, 6, 5, padding=2, bias=False), (1, 28, 28)),
    "conv 6-16 5x5 14": (64, lambda: nn.Conv2d(6, 16, 5, bias=False), (6, 14, 14)),
    "conv 64 3x3 32": (64, lambda: nn.Conv2d(64, 64, 3, padding=1, bias=False), (64, 32, 32)),
    "conv 128 3x3 16": (64, lambda: nn.Conv2d(128, 128, 3, padding=1, bias=False), (128, 16, 16)),
    "conv 512 3x3 4": (64, lambda: nn.Conv2d(512, 512, 3, padding=1, bias=False), (512, 4, 4)),
    "conv 64-128 3x3/2 32": (
        64,
        lambda: nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False),
        (64, 32, 32),
    ),
    "conv 64-128 1x1/2 32": (
        64,
        lambda: nn.Conv2d(64, 128, 1, stride=2, bias=False),
        (64, 32, 32),
    ),
}


class Csr(nn.Module):
    """A linear layer whose weight is one of PyTorch's CSR tensors."""

    def __init__(self, dense):
        super().__init__()
        self.weight = nn.Parameter(dense.weight.detach().to_sparse_csr())

    def forward(self, signal):
        return torch.sparse.mm(self.weight, signal.t()).t()


def contenders(dense):
    """Every program's form of the layer, by its column."""
    linear = isinstance(dense, nn.Linear)
    forms = {"dense": [dense], "CSR": [Csr(dense)] if linear else [], "SparseProp": []}
    if SparseLinear is not None:
        ways = [SparseLinear.from_dense(dense)] if linear else [
            SparseConv2d.from_dense(dense, vectorizing_over_on=way) for way in (False, True)
        ]
        forms["SparseProp"] = ways
    return forms


def step(layer, signal, gradient):
    signal.grad = None
    layer.zero_grad()
    layer(signal).backward(gradient)


def least(layer, signal, gradient, seconds=0.2):
    """Milliseconds of the fastest of some steps, after one that does not count; none if it cannot."""
    try:
        step(layer, signal, gradient)
    except (RuntimeError, NotImplementedError) as error:
        print(f"    {type(layer).__name__} refuses: {str(error).splitlines()[0]}")
        return None
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.thread_time()
        step(layer, signal, gradient)
        best = min(best, time.thread_time() - start)
    return 1e3 * best


def ours(program, name):
    """By density: milliseconds of the three passes, and of bringing one signal into our order."""
    command = [program, "1", "1", name]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    times, layout = {}, None
    for line in text.splitlines()[2:]:
        if not line.startswith(name):
            continue
        density, *words = line[len(name):].split()
        # Names such as "to layout" have two words; the time follows.
        what = " ".join(word for word in words if word[0].isalpha())
        milliseconds = float(next(word for word in words if word[0].isdigit()))
        if what == "to layout":
            layout = milliseconds
        elif what in ("forward", "dX", "dW"):
            times[float(density)] = times.get(float(density), 0) + milliseconds
    return times, layout


def rows(names, densities, args):
    """The least times of all rounds, by layer, density and program."""
    found = {}
    for _ in range(args.rounds):
        for name in names:
            batch, make, shape = LAYERS[name]
            times, layout = ours(args.kernels, name)
            torch.manual_seed(0)
            signal = torch.rand(batch, *shape).sub_(0.5).requires_grad_()
            for density in densities:
                dense = make()
                with torch.no_grad():
                    dense.weight.mul_(torch.rand_like(dense.weight) < density)
                    gradient = torch.rand_like(dense(signal)).sub_(0.5)
                share = gradient.numel() / signal.numel()
                measured = {
                    "kernels": times[density],
                    # Input and its gradient, output and its gradient.
                    "converting": times[density] + 2 * layout * (1 + share),
                }
                for program, forms in contenders(dense).items():
                    taken = [least(form, signal, gradient) for form in forms]
                    measured[program] = min((t for t in taken if t is not None), default=None)
                row = found.setdefault((name, density), {})
                for program, taken in measured.items():
                    known = row.get(program)
                    row[program] = min((t for t in (known, taken) if t is not None), default=None)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help="all by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--densities", default="0.2,0.1,0.05")
    parser.add_argument("--kernels", default=str(ROOT / "target/release/examples/layers"))
    args = parser.parse_args()
    names = [name for name in LAYERS if not args.names or any(part in name for part in args.names)]
    densities = [float(text) for text in args.densities.split(",")]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Sparse CSR")
    if SparseLinear is None:
        print("sparseprop is not installed: its column stays empty")
    columns = ["kernels", "converting", "dense", "CSR", "SparseProp"]
    print("| layer | density | " + " | ".join(f"{column}, ms" for column in columns)
          + " | dense / kernels | SparseProp / kernels |")
    print("|---|---|" + "---|" * (len(columns) + 2))
    for (name, density), row in rows(names, densities, args).items():
        cells = ["" if row[column] is None else f"{row[column]:.3g}" for column in columns]
        for column in ("dense", "SparseProp"):
            ratio = None if row[column] is None else row[column] / row["kernels"]
            cells.append("" if ratio is None else f"{ratio:.2f}")
        print(f"| {name} | {density:g} | " + " | ".join(cells) + " |", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
