"""Rules that choose a topology before training, or from a trained network."""

import itertools
import math
import random

from cases import SHAPES, active, bits, case, counts_of, dense, drawn, draws, globally, half, largest, magnitude


def lottery():
    # Density after round r of n is rho^(r/n), by magnitude over the whole network among what is left.
    steps, rounds, expected = [300, 600], draws(7, 2), []
    size = sum(out * inputs for out, inputs in SHAPES)
    masks = dense()
    for index, (weights, _) in enumerate(rounds):
        share = 0.5 ** ((index + 1) / 2)
        places = [(abs(w[i]), layer, i) for layer, w in enumerate(weights) for i in active(masks[layer])]
        places.sort(key=lambda place: -place[0])
        chosen = {(layer, i) for _, layer, i in places[: round(share * size)]}
        masks = [[int((layer, i) in chosen) for i in range(len(w))] for layer, w in enumerate(weights)]
        expected.append(masks)
    case("lottery", "facebookresearch/open_lth, pruning/sparse_global.py", "masks of two rounds", steps,
         dense(), expected, 0.5, rounds, {"rounds": 2})


def snip():
    # namhoonlee/snip-public: the largest |theta * gradient| of the whole network.
    rounds = draws(10, 1)
    (weights, gradients), = rounds
    scores = [[abs(a * b) for a, b in zip(w, g)] for w, g in zip(weights, gradients)]
    case("snip", "namhoonlee/snip-public, snip/model.py", "the mask at the start", [0], dense(),
         [globally(weights, 0.5, scores)], 0.5, rounds,
         difference="the reference scores biases too, which are dense here", looks_at_start=True)


def synflow():
    # ganguli-lab/Synaptic-Flow, Pruners/pruners.py and prune.py: |theta dR/d theta|, where R is the sum of the
    # outputs of |W2| |W1| 1. Round r of n leaves a sparsity of 1 - rho^(r/n): what has at most the k-th
    # smallest score goes, k = int(sparsity * size).
    rounds = draws(10, 1)
    (weights, _), = rounds
    (hidden, inputs), (outputs, _) = SHAPES
    size, masks = sum(out * inputs for out, inputs in SHAPES), dense()
    for number in range(1, 101):
        first, second = [[abs(w) * bit for w, bit in zip(*layer)] for layer in zip(weights, masks)]
        into = [sum(first[h * inputs:(h + 1) * inputs]) for h in range(hidden)]
        out_of = [sum(second[o * hidden + h] for o in range(outputs)) for h in range(hidden)]
        scores = [[w * out_of[i // inputs] for i, w in enumerate(first)],
                  [w * into[i % hidden] for i, w in enumerate(second)]]
        threshold = sorted(scores[0] + scores[1])[int((1 - 0.5 ** (number / 100)) * size) - 1]
        if int((1 - 0.5 ** (number / 100)) * size) >= 1:
            masks = [[int(score > threshold) for score in layer] for layer in scores]
    assert sum(counts_of(masks)) == 36
    case("synflow", "ganguli-lab/Synaptic-Flow, Pruners/pruners.py", "the mask at the start", [0], dense(),
         [masks], 0.5, rounds, {"rounds": 100},
         "the reference rounds the number that goes down, we round the number that stays to the nearest",
         looks_at_start=True)


def grasp():
    # alecwangcq/GraSP, pruner/GraSP.py: samples sorted by class in two halves, g the sum of the halves' mean
    # gradients, z = g (as a constant) times each half's gradient; score -theta dz/d theta; what has more than
    # the k-th largest score goes. The derivative of z along theta is a difference of gradients along g.
    rng, temperature = random.Random(32), 200
    (hidden, width), (classes, _) = SHAPES
    target = [0, 0, 1, 1, 2, 2, 3, 3]
    samples = [[rng.randint(-2000, 2000) / 1000 for _ in range(width)] for _ in target]
    pairs = list(zip(samples, target))

    def gradient(theta, half):
        first, second = theta
        d_first, d_second = [0.0] * len(first), [0.0] * len(second)
        for x, label in half:
            h = [math.tanh(sum(first[n * width + i] * x[i] for i in range(width))) for n in range(hidden)]
            exp = [math.exp(sum(second[c * hidden + n] * h[n] for n in range(hidden)) / temperature)
                   for c in range(classes)]
            delta = [(e / sum(exp) - (c == label)) / temperature / len(half) for c, e in enumerate(exp)]
            for c in range(classes):
                for n in range(hidden):
                    d_second[c * hidden + n] += delta[c] * h[n]
            for n in range(hidden):
                back = sum(delta[c] * second[c * hidden + n] for c in range(classes)) * (1 - h[n] ** 2)
                for i in range(width):
                    d_first[n * width + i] += back * x[i]
        return [d_first, d_second]

    def both_halves(theta):
        return [[a + b for a, b in zip(*layer)]
                for layer in zip(*(gradient(theta, half) for half in [pairs[:4], pairs[4:]]))]

    for seed in itertools.count(31):
        rounds = draws(seed, 1)
        (weights, _), = rounds
        for layer in weights:  # so small that tanh bends and does not saturate
            layer[:] = [value / 8 for value in layer]
        g = both_halves(weights)
        step = 1e-3 / max(abs(value) for layer in g for value in layer)
        up, down = [both_halves([[w + sign * step * d for w, d in zip(*layer)] for layer in zip(weights, g)])
                    for sign in (1, -1)]
        scores = [[-w * (a - b) / (2 * step) for w, a, b in zip(*layer)] for layer in zip(weights, up, down)]
        norm = abs(sum(map(sum, scores))) + 1e-10
        order = sorted((score / norm for layer in scores for score in layer), reverse=True)
        removed = 36 + 1
        # Far from what rounding does, in either direction.
        if min(order[removed - 2] - order[removed - 1], order[removed - 1] - order[removed]) > 1e-3 * order[0]:
            break
    expected = [[int(score / norm <= order[removed - 1]) for score in layer] for layer in scores]
    assert sum(counts_of(expected)) == 36
    case("grasp", "alecwangcq/GraSP, pruner/GraSP.py", "the mask at the start", [0], dense(), [expected], 0.5,
         rounds, {},
         "the reference keeps the weight at its threshold, one more than its ratio says, and may draw linear "
         "layers anew for the look; here its ratio is higher by one weight, and nothing is drawn",
         looks_at_start=True, between="tanh",
         samples={"inputs": samples, "classes": target})


def one_shot():
    # The smallest |theta| of every layer go at once.
    steps, rounds = [500], draws(33, 1)
    (weights, _), = rounds
    after = [bits(largest(magnitude(w), len(w) // 2), len(w)) for w in weights]
    case("one-shot", "google-research/jaxpruner, algorithms/pruners.py (magnitude, one-shot schedule)",
         "the mask after the pruning", steps, dense(), [after], 0.5, rounds, {"distribution": "uniform"})
