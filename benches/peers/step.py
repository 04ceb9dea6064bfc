"""Dense training steps of a PyTorch model on command; the counterpart of the example `step`.

    python step.py MODEL [--threads N] [--style usual|best]

Says how many parameters the model has, then reads numbers from standard input: for each it
trains that many steps and answers with a line of milliseconds, two numbers a step: by the clock,
and of processor time.

`usual` is what a PyTorch program usually does: torch.utils.data.DataLoader over samples, Adam as
it is by default. `best` takes whole batches out of tensors and lets Adam be fused.
"""

import argparse
import gzip
import math
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

import models

ROOT = Path(__file__).resolve().parents[2]


class Digits(Dataset):
    """The training part of the digits that the harness carries, as bytes in memory."""

    def __init__(self):
        def read(name, header):
            with gzip.open(ROOT / "datasets/mnist/data" / f"mnist-10k-{name}.gz") as file:
                return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)

        self.pictures = read("images-idx3-ubyte", 16).view(-1, 1, 28, 28)[:7000].clone()
        self.labels = read("labels-idx1-ubyte", 8)[:7000].long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        return (self.pictures[row].float() / 255 - 0.1307) / 0.3081, self.labels[row]

    def batch(self, rows):
        pictures = self.pictures[rows].float().mul_(1 / (255 * 0.3081)).sub_(0.1307 / 0.3081)
        return pictures, self.labels[rows]


class Pictures(Dataset):
    """Noise of CIFAR-10's shape, cropped with padding 4 and mirrored at random."""

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        shape = (4096, 3, 32, 32)
        self.pictures = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        self.labels = torch.randint(10, shape[:1], generator=generator)
        self.mean = torch.tensor([0.4914, 0.4822, 0.4465]).view(3, 1, 1)
        self.deviation = torch.tensor([0.2470, 0.2435, 0.2616]).view(3, 1, 1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        top, left, mirrored = torch.randint(9, (3,)).tolist()
        picture = F.pad(self.pictures[row], (4, 4, 4, 4))[:, top : top + 32, left : left + 32]
        if mirrored % 2:
            picture = picture.flip(2)
        return (picture.float() / 255 - self.mean) / self.deviation, self.labels[row]

    def batch(self, rows):
        """One gather for the whole batch."""
        count = len(rows)
        padded = F.pad(self.pictures[rows], (4, 4, 4, 4))
        places = torch.randint(9, (2, count, 1))
        mirrored = torch.rand(count, 1) < 0.5
        side = torch.arange(32)
        down = places[0] + side
        across = places[1] + torch.where(mirrored, 31 - side, side)
        pixels = (down[:, :, None] * 40 + across[:, None, :]).view(count, 1, -1)
        cut = padded.flatten(2).gather(2, pixels.expand(-1, 3, -1)).view(count, 3, 32, 32)
        scale = 1 / (255 * self.deviation)
        return cut.float().mul_(scale).sub_(self.mean / self.deviation), self.labels[rows]


class Texts(Dataset):
    """Random texts of 48 to 64 tokens, padded to 64."""

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        self.ids = torch.randint(1000, 30522, (4096, 64), generator=generator)
        self.lengths = torch.randint(48, 65, (4096, 1), generator=generator)
        self.labels = torch.randint(2, (4096,), generator=generator)
        self.places = torch.arange(64)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        return self.batch(row)

    def batch(self, rows):
        present = self.places < self.lengths[rows]
        ids = self.ids[rows] * present
        return (ids, torch.zeros_like(ids), present), self.labels[rows]


# Model, its data and the batch size: the same as in the example `step`.
WORKLOADS = {
    "lenet5": (models.LeNet5, Digits, 64),
    "resnet18": (models.ResNet18, Pictures, 64),
    "minilm-l6": (models.MiniLm, Texts, 32),
}


def batches(data, size, style):
    """Shuffled batches without end, the short one at the end of an epoch included."""
    while True:
        if style == "usual":
            yield from DataLoader(data, size, shuffle=True)
        else:
            for rows in torch.randperm(len(data)).split(size):
                yield data.batch(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=WORKLOADS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--style", choices=["usual", "best"], default="usual")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)

    model, data, size = WORKLOADS[args.model]
    model, data = model().train(), data()
    fused = True if args.style == "best" else None
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=fused)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(args.model, "parameters", count, flush=True)

    source = batches(data, size, args.style)
    total = 0.0
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start, busy = time.perf_counter(), time.process_time()
            inputs, target = next(source)
            optimizer.zero_grad()
            output = model(*inputs) if isinstance(inputs, (tuple, list)) else model(inputs)
            loss = F.cross_entropy(output, target)
            loss.backward()
            optimizer.step()
            # The harness too sums up the loss and sees whether it is finite.
            total += loss.item()
            if not math.isfinite(total):
                sys.exit("the loss is not finite")
            took = time.perf_counter() - start, time.process_time() - busy
            times += [f"{seconds * 1e3:.4f}" for seconds in took]
        print(*times, flush=True)


if __name__ == "__main__":
    main()
