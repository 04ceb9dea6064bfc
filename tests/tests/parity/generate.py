#!/usr/bin/env python3
"""Prints cases.json: what reference implementations choose on fixed weights and gradients.

Each function below states the rule of one reference in its own few lines, on plain lists and without
our code. `main.rs` runs our strategies on the same numbers and compares. Where we chose another rule on
purpose, the numbers are such that both agree, and `difference` says what that hides. Where a rule that is nearly
the right one might choose the same on most numbers, seeds are searched until it does not (from the one that was
found, to be quick). Where a reference
draws at random, a round says what must stay, from where the rest is drawn, and how many are active then.

    python3 generate.py > cases.json
    UPDATE_GOLDEN=1 cargo test --release -p end-to-end --test parity    # writes the table of docs/parity.md
"""

import itertools
import json
import math
import random
from fractions import Fraction

SHAPES = [(6, 8), (4, 6)]  # fc1 and fc2; [out, in]
PER_EPOCH, EPOCHS = 100, 10
TOTAL = PER_EPOCH * EPOCHS


def numbers(rng, count):
    """Distinct numbers with a few digits, so that f32 keeps their order and no two tie."""
    values = rng.sample(range(1, 4000), count)
    return [value * rng.choice([-1, 1]) / 1000 for value in values]


def draws(seed, rounds):
    """Weights and gradients of both layers for every round."""
    rng = random.Random(seed)
    one = lambda: [numbers(rng, out * inputs) for out, inputs in SHAPES]
    return [(one(), one()) for _ in range(rounds)]


def half(seed, density=0.5):
    """A random mask of exactly the density in every layer."""
    rng = random.Random(seed)
    masks = []
    for out, inputs in SHAPES:
        size = out * inputs
        chosen = set(rng.sample(range(size), round(density * size)))
        masks.append([int(i in chosen) for i in range(size)])
    return masks


def dense():
    return [[1] * (out * inputs) for out, inputs in SHAPES]


def largest(scores, count, among=None):
    among = range(len(scores)) if among is None else among
    return set(sorted(among, key=lambda i: (-scores[i], i))[:count])


def bits(chosen, size):
    return [int(i in chosen) for i in range(size)]


def active(mask):
    return [i for i, bit in enumerate(mask) if bit]


def magnitude(weights):
    return [abs(w) for w in weights]


def cosine(start, step, end):
    return start / 2 * (1 + math.cos(math.pi * step / end))


CASES = []

# What is compared where a reference grows at random.
DRAWN = "what an update keeps, how many it grows, and from where it draws them"

# Methods without a case, and why.
WITHOUT = {
    "dense": "It has no connections to choose.",
    "static": "It chooses once and at random. Tests of the crate hold that counts are exact and that nothing "
              "changes, those of `selection` that every subset is equally likely.",
    "prune-regrow": "It is the method of this project's experiment plan and has no public reference; tables "
                    "in the tests of the crate hold its rule.",
}


def case(method, reference, compared, steps, start, expected, density, rounds, parameters=None,
         difference="", looks_at_start=False, further=None, between="relu", **rest):
    """Appends a case. `further` has more fields for every round, `rest` more fields for the case."""
    further = further or [{}] * len(rounds)
    CASES.append({
        "method": method,
        "reference": reference,
        "compared": compared,
        "difference": difference,
        "parameters": parameters or {},
        "density": density,
        "per_epoch": PER_EPOCH,
        "epochs": EPOCHS,
        "shapes": SHAPES,
        "start": start,
        "looks_at_start": looks_at_start,
        "between": between,
        **rest,
        "rounds": [
            {"step": step, "weights": weights, "gradients": gradients, "expected": after, **more}
            for step, (weights, gradients), after, more in zip(steps, rounds, expected, further)
        ],
    })


def drawn(kept, counts, places=None, **more):
    """A round whose update keeps `kept` and draws from `places`, by default from all that is not kept, until
    every layer has its count."""
    places = [[1 - bit for bit in mask] for mask in kept] if places is None else places
    return {"drawn": {"from": places, "counts": counts, **more}}


def counts_of(masks):
    return [sum(mask) for mask in masks]


def rigl():
    # sparse_optimizers_base.py: k = trunc(f(t) nnz); drop the smallest |w|; grow the largest |g| among
    # what did not survive the drop.
    steps, rounds, masks, expected = [100, 200, 300], draws(1, 3), half(11), []
    start = masks
    for step, (weights, gradients) in zip(steps, rounds):
        after = []
        for w, g, mask in zip(weights, gradients, masks):
            count = int(cosine(0.3, step, 0.75 * TOTAL) * sum(mask))
            kept = largest(magnitude(w), sum(mask) - count, active(mask))
            free = [i for i in range(len(w)) if i not in kept]
            after.append(bits(kept | largest(magnitude(g), count, free), len(w)))
        masks = after
        expected.append(after)
    case("rigl", "google-research/rigl, rigl/sparse_optimizers_base.py", "masks after three updates",
         steps, start, expected, 0.5, rounds, {"distribution": "uniform"})


def set_by_step():
    # The same with growth at random, where what was just dropped may return.
    steps, rounds, start = [100], draws(2, 1), half(12)
    (weights, _), = rounds
    after = []
    for w, mask in zip(weights, start):
        count = int(cosine(0.3, 100, 0.75 * TOTAL) * sum(mask))
        after.append(bits(largest(magnitude(w), sum(mask) - count, active(mask)), len(w)))
    case("set", "google-research/rigl, SparseSETOptimizer", DRAWN, steps,
         start, [after], 0.5, rounds,
         {"distribution": "uniform", "drop": "magnitude", "interval": "100 steps", "end": "75%",
          "decay": "cosine", "drop_fraction": 0.3},
         further=[drawn(after, counts_of(start))])


def set_by_epoch():
    # set_mlp_keras_cifar10.py sorts all values: the share zeta of the positive ones next to zero goes, and
    # of the negative ones.
    steps, rounds, start = [100], draws(3, 1), half(13)
    (weights, _), = rounds
    zeta, after = 0.25, []
    for w, mask in zip(weights, start):
        gone = set()
        for sign in (1, -1):
            side = [i for i in active(mask) if w[i] * sign > 0]
            side.sort(key=lambda i: abs(w[i]))
            gone |= set(side[: int(zeta * len(side))])
        after.append([int(bit and i not in gone) for i, bit in enumerate(mask)])
    case("set", "dcmocanu/sparse-evolutionary-artificial-neural-networks, set_mlp_keras_cifar10.py",
         DRAWN, steps, start, [after], 0.5, rounds,
         {"distribution": "uniform", "drop": "by-sign", "drop_fraction": zeta},
         "of negative weights the reference rounds the removed ones up, we round both sides down",
         further=[drawn(after, counts_of(start))])


def top_kast():
    # The forward set is the top D of each layer by |theta|, the backward set the top D + M; theta is dense.
    steps, rounds = [1, 2], draws(4, 2)
    expected = [
        [bits(largest(magnitude(w), round(0.5 * len(w))), len(w)) for w in weights]
        for weights, _ in rounds
    ]
    case("top-kast", "the paper's Section 2 (A-Klass/torch_topkast follows it)", "forward sets", steps,
         dense(), expected, 0.5, rounds, {"distribution": "uniform", "extra_density": 0.25})


def nm():
    # Every group of four consecutive inputs keeps its two largest. fc2 has 6 inputs: its rows are one group
    # and a shorter one of two, which keeps one.
    steps, rounds = [0, 1], draws(5, 2)

    def groups(w, inputs):
        chosen = set()
        for row in range(0, len(w), inputs):
            for begin in range(row, row + inputs, 4):
                group = range(begin, min(begin + 4, row + inputs))
                chosen |= largest(magnitude(w), len(group) // 2, group)
        return bits(chosen, len(w))

    expected = [[groups(w, shape[1]) for w, shape in zip(weights, SHAPES)] for weights, _ in rounds]
    case("nm", "aojunzz/NM-sparsity, devkit/sparse_ops (masks)", "masks after two steps", steps, dense(),
         expected, 0.5, rounds,
         difference="a layer whose inputs do not divide has a shorter last group, where the reference fails")


def ac_dc():
    # Sparse phases keep the top of the whole network, dense ones everything.
    steps, rounds, expected = [100, 200, 300], draws(6, 3), []
    for index, (weights, _) in enumerate(rounds):
        if index % 2 == 1:
            expected.append(dense())
            continue
        expected.append(globally(weights, 0.5))
    case("ac-dc", "IST-DASLab/ACDC, configs/neurips (global magnitude)", "masks of three phases", steps,
         dense(), expected, 0.5, rounds,
         {"warmup": "100 steps", "sparse_phase": "100 steps", "dense_phase": "100 steps", "end": "800 steps"})


def globally(weights, density, scores=None):
    scores = [magnitude(w) for w in weights] if scores is None else scores
    places = [(layer, i) for layer, w in enumerate(weights) for i in range(len(w))]
    places.sort(key=lambda place: -scores[place[0]][place[1]])
    chosen = set(places[: round(density * len(places))])
    return [[int((layer, i) in chosen) for i in range(len(w))] for layer, w in enumerate(weights)]


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


def gmp():
    # sparsity_schedules.py: s_t = s_f (1 - (1 - (t + 1 - t0) / (end - t0))^3): top |theta| of each layer.
    steps, rounds, masks, expected = [100, 200, 300], draws(8, 3), dense(), []
    for step, (weights, _) in zip(steps, rounds):
        sparsity = 0.5 * (1 - (1 - min(step + 1, 300) / 300) ** 3)
        masks = [
            bits(largest(magnitude(w), round((1 - sparsity) * len(w)), active(mask)), len(w))
            for w, mask in zip(weights, masks)
        ]
        expected.append(masks)
    case("gmp", "google-research/jaxpruner, algorithms/pruners.py and sparsity_schedules.py",
         "masks after three updates", steps, dense(), expected, 0.5, rounds,
         {"distribution": "uniform", "interval": "100 steps", "end": "301 steps"},
         "the reference's curve is one step ahead, ours counts updates; both arrive with the last")


def granet():
    # (i) the smallest of the whole network go, down to the cubic schedule; (ii) every layer drops
    # ceil(r nnz) and grows as many by |g|.
    steps, rounds, masks, expected = [100, 200, 300], draws(9, 3), half(19), []
    start, size = masks, sum(out * inputs for out, inputs in SHAPES)
    for step, (weights, gradients) in zip(steps, rounds):
        sparsity = 0.75 + (0.5 - 0.75) * (1 - step / 300) ** 3
        places = [(abs(w[i]), layer, i) for layer, w in enumerate(weights) for i in active(masks[layer])]
        places.sort(key=lambda place: -place[0])
        stay = {(layer, i) for _, layer, i in places[: round((1 - sparsity) * size)]}
        after = []
        for layer, (w, g) in enumerate(zip(weights, gradients)):
            left = [i for i in range(len(w)) if (layer, i) in stay]
            rate = 0.005 + (0.5 - 0.005) * (1 + math.cos(math.pi * step / TOTAL)) / 2
            count = math.ceil(rate * len(left))
            kept = largest(magnitude(w), len(left) - count, left)
            free = [i for i in range(len(w)) if i not in kept]
            after.append(bits(kept | largest(magnitude(g), count, free), len(w)))
        masks = after
        expected.append(after)
    case("granet", "VITA-Group/GraNet, CIFAR/sparselearning/core.py", "masks after three updates", steps,
         start, expected, 0.25, rounds,
         {"distribution": "uniform", "interval": "100 steps", "prune_end": "301 steps"},
         "the reference's strict threshold removes ties too; here no weights tie")


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


def mest():
    # prune_utils/retrain.py: score |theta| + lambda |g|; the smallest go down to the prune-to count, random
    # ones come back, just dropped ones among them.
    steps, rounds, start = [500], draws(21, 1), half(22)
    (weights, gradients), = rounds
    after = []
    for w, g, mask in zip(weights, gradients, start):
        score = [abs(a) + 0.5 * abs(b) for a, b in zip(w, g)]
        count = int(0.25 * sum(mask))
        after.append(bits(largest(score, sum(mask) - count, active(mask)), len(w)))
    case("mest", "boone891214/MEST, prune_utils/retrain.py", DRAWN, steps, start, [after], 0.5, rounds,
         {"distribution": "uniform", "gradient_weight": 0.5, "drop_fraction": 0.25, "interval": "5 epochs"},
         further=[drawn(after, counts_of(start))])


def movement():
    # S accumulates -w dL/dw; the top v of each layer by score are active.
    steps, rounds = [0, 1, 2], draws(23, 3)
    scores = [[0.0] * len(w) for w in rounds[0][0]]
    expected = []
    for index, (weights, gradients) in enumerate(rounds):
        for score, w, g in zip(scores, weights, gradients):
            for i in range(len(w)):
                score[i] -= w[i] * g[i]
        expected.append([bits(largest(score, round(0.5 * len(score))), len(score)) for score in scores])
    case("movement", "huggingface/transformers, examples/research_projects/movement-pruning (hard, top v)",
         "masks after three steps", steps, dense(), expected, 0.5, rounds,
         {"distribution": "uniform", "warm_up": "0 steps", "cool_down": "100%", "interval": "1 steps"},
         "the reference moves scores by its optimiser, we add them up")


def srigl():
    # rigl_constant_fan.py without ablation: after the drop every neuron grows up to its fan-in by |g|.
    steps, rounds = [100], draws(24, 1)
    (weights, gradients), = rounds
    rng, start = random.Random(25), []
    for out, inputs in SHAPES:
        row = lambda: bits(set(rng.sample(range(inputs), inputs // 2)), inputs)
        start.append(sum((row() for _ in range(out)), []))
    after = []
    for w, g, mask, (out, inputs) in zip(weights, gradients, start, SHAPES):
        count = int(cosine(0.3, 100, 0.75 * TOTAL) * sum(mask))
        kept = largest(magnitude(w), sum(mask) - count, active(mask))
        for row in range(out):
            places = range(row * inputs, (row + 1) * inputs)
            free = [i for i in places if i not in kept]
            missing = inputs // 2 - sum(i in kept for i in places)
            kept |= largest(magnitude(g), missing, free)
        after.append(bits(kept, len(w)))
    case("srigl", "calgaryml/condensed-sparsity, src/rigl_torch/rigl_constant_fan.py",
         "masks after an update", steps, start, [after], 0.5, rounds,
         {"distribution": "uniform", "ablation": 0.0},
         "a neuron with more than its fan-in loses its smallest weights, where the reference sorts a mask; "
         "here none has more")


def one_shot():
    # The smallest |theta| of every layer go at once.
    steps, rounds = [500], draws(33, 1)
    (weights, _), = rounds
    after = [bits(largest(magnitude(w), len(w) // 2), len(w)) for w in weights]
    case("one-shot", "google-research/jaxpruner, algorithms/pruners.py (magnitude, one-shot schedule)",
         "the mask after the pruning", steps, dense(), [after], 0.5, rounds, {"distribution": "uniform"})


def snfs():
    # sparselearning/core.py and funcs.py. The momentum of SGD, m <- 0.9 m + g, is dense. Every layer loses
    # ceil(rate * nonzeros) weights; where less than a fifth is zero and the share of momentum is above the mean,
    # the rate is at most the share of zeros. A layer's share of growth is its mean |m| over nonzeros, divided by
    # the sum of those means; it grows ceil(share * removed), at most 0.99 of its places, where |m| is largest.
    # The last gradients of fc2 are scaled so that these shares are whole, for otherwise rounding up grows too many.
    rng = random.Random(41)
    steps, rounds, start = [50, 99, 100], draws(42, 3), []
    for (out, inputs), count in zip(SHAPES, [16, 20]):
        start.append(bits(set(rng.sample(range(out * inputs), count)), out * inputs))
    total, share = 12, Fraction(7, 12)
    exact = lambda values: [Fraction(round(value * 1000), 1000) for value in values]
    momentum = [[Fraction(0)] * len(mask) for mask in start]
    for index, (_, gradients) in enumerate(rounds):
        if index == 2:
            first = [Fraction(9, 10) * m + g for m, g in zip(momentum[0], exact(gradients[0]))]
            mean = sum(abs(first[i]) for i in active(start[0])) / sum(start[0])
            wanted = mean * share / (1 - share)
            # Momenta of fc2 as drawn, scaled to the wanted mean; the gradient is what leads there.
            drawn_now = [Fraction(9, 10) * m + g for m, g in zip(momentum[1], exact(gradients[1]))]
            now = sum(abs(drawn_now[i]) for i in active(start[1])) / sum(start[1])
            target = [m * wanted / now for m in drawn_now]
            gradients[1][:] = [float(m - Fraction(9, 10) * old) for m, old in zip(target, momentum[1])]
            momentum = [first, target]
        else:
            momentum = [[Fraction(9, 10) * m + g for m, g in zip(*layer)]
                        for layer in zip(momentum, map(exact, gradients))]
    weights = rounds[2][0]
    rate = 0.005 + (0.5 - 0.005) * (1 + math.cos(math.pi * 100 / TOTAL)) / 2
    means = [sum(abs(m[i]) for i in active(mask)) / sum(mask) for m, mask in zip(momentum, start)]
    shares = [mean / sum(means) for mean in means]
    removed = []
    for mask, part in zip(start, shares):
        zeros = 1 - sum(mask) / len(mask)
        own = min(zeros, rate) if zeros < 0.2 and part > Fraction(1, 2) else rate
        removed.append(math.ceil(own * sum(mask)))
    assert removed == [8, 4] and sum(removed) == total
    after = []
    for w, m, mask, gone, part in zip(weights, momentum, start, removed, shares):
        count = math.ceil(part * total)
        assert count <= 0.99 * (len(mask) - sum(mask) + gone)
        kept = largest(magnitude(w), sum(mask) - gone, active(mask))
        free = [i for i in range(len(w)) if i not in kept]
        after.append(bits(kept | largest([abs(value) for value in m], count, free), len(w)))
    assert counts_of(after) == [13, 23]
    case("snfs", "TimDettmers/sparse_learning, sparselearning/core.py and funcs.py",
         "masks and the counts that move between layers, after an update whose momentum has three gradients",
         steps, start, [start, start, after], 0.5, rounds, {"distribution": "uniform"},
         "the reference rounds every layer's growth up and corrects the total later, where ours is exact; it "
         "updates after the last step of an epoch, we after the first of the next")


def dsr():
    # main.py and parameterized_tensors.py: |theta| < H goes in all layers; layers share the growth in proportion to
    # the nonzeros left, rounded; what was just removed is no candidate; H halves above 1.1 times the aim and
    # doubles below 0.9 times.
    steps, aim = [100, 200, 300], 4
    for seed in itertools.count(72):
        rounds, threshold, thresholds, expected, further, moves = draws(seed, 3), 0.6, [], [], [], True
        by_survivors = False
        for index, (weights, _) in enumerate(rounds):
            start = half(seed + index)
            kept = [[int(bit and abs(x) >= threshold) for x, bit in zip(*layer)] for layer in zip(weights, start)]
            removed = sum(counts_of(start)) - sum(counts_of(kept))
            grown = [round(removed * sum(mask) / sum(counts_of(kept))) for mask in kept]
            counts = [sum(mask) + more for mask, more in zip(kept, grown)]
            moves &= counts != counts_of(start) and sum(grown) == removed
            by_survivors |= grown[0] != round(removed * sum(start[0]) / sum(counts_of(start)))
            places = [[1 - bit for bit in mask] for mask in start]
            further.append({"start": start, "values": weights, **drawn(kept, counts, places, newborn=0.0)})
            expected.append(kept)
            thresholds.append(threshold)
            threshold *= 0.5 if removed > 1.1 * aim else 2.0 if removed < 0.9 * aim else 1.0
        # In every round connections move to the other layer, in one not as those before the drop would have it;
        # the threshold halves and doubles.
        if moves and by_survivors and thresholds == [0.6, 0.3, 0.6]:
            break
    case("dsr", "IntelAI/dynamic-reparameterization, main.py and parameterized_tensors.py",
         DRAWN + ", over three updates in which the threshold adapts and connections move between layers",
         steps, further[0]["start"], expected, 0.5, rounds,
         {"threshold": 0.6, "drop_fraction": aim / 36, "regrowth": "forbidden"},
         "the reference never draws what it has just dropped, which is `regrowth = forbidden` and not our "
         "default; it gives the rounding error of the shares to a random layer, and one that loses "
         "everything keeps its first connection, where ours draws one",
         further=further)


def deep_r():
    # script_mnist_deep_rewiring.py: theta <- theta - lr l1 on connected ones after the step of the optimiser;
    # theta <= 0 is not connected; so many of those that are not, just disconnected ones among them, wake
    # at 1e-12. The weight is sign times theta, and signs never change. Noise is off.
    steps, rounds, expected, further = [1, 2], draws(61, 2), [], []
    rate, l1 = 0.5, 1.5
    for index, (weights, _) in enumerate(rounds):
        start = half(62 + index)
        theta = [[w - rate * l1 for w in layer] for layer in weights]
        kept = [[int(bit and x > 0) for x, bit in zip(*layer)] for layer in zip(theta, start)]
        crossed = [sum(w > 0 and bit and not stays for w, bit, stays in zip(*layer))
                   for layer in zip(weights, start, kept)]
        assert sum(crossed) > 0
        further.append({"start": start, "values": theta, **drawn(kept, counts_of(start), newborn=1e-12)})
        expected.append(kept)
    case("deep-r", "guillaumeBellec/deep_rewiring, script_mnist_deep_rewiring.py",
         DRAWN + "; signs and values after it", steps, half(62), expected, 0.5, rounds,
         {"distribution": "uniform", "l1": l1, "noise": 0.0},
         "noise is off here; the reference's step is plain gradient descent, ours that of any optimiser",
         further=further, learning_rate=rate, signs="sign")


def ch3_l3(mask, out, inputs, degree="external"):
    """The scores of CH_scores_new_v2.cpp for all absent links, by paths and by nodes: every path output u, input
    a, output b, input v is followed; the external degree of a and of b leaves out u, v and the community.
    With the "whole" degree it is resource allocation, and with none a count of paths or nodes."""
    linked = lambda u, a: mask[u * inputs + a]
    by_path, by_node = [0.0] * len(mask), [0.0] * len(mask)
    for u, v in itertools.product(range(out), range(inputs)):
        if linked(u, v):
            continue
        paths = [(a, b) for a, b in itertools.product(range(inputs), range(out))
                 if linked(u, a) and linked(b, a) and linked(b, v)]
        ends = {a for a, _ in paths}, {b for _, b in paths}
        inside = ends if degree == "external" else (set(), set())
        weight = 0 if degree == "none" else 1
        of_input = {a: 1 + weight * sum(linked(b, a) for b in range(out) if b != u and b not in inside[1])
                    for a in ends[0]}
        of_output = {b: 1 + weight * sum(linked(b, a) for a in range(inputs) if a != v and a not in inside[0])
                     for b in ends[1]}
        by_path[u * inputs + v] = sum(1 / math.sqrt(of_input[a] * of_output[b]) for a, b in paths)
        by_node[u * inputs + v] = sum(1 / d for d in [*of_input.values(), *of_output.values()])
    return by_path, by_node


def without_chains(kept):
    """dst_scheduler.py: backwards, links to neurons that nothing leaves go; forwards, those from neurons without
    input."""
    (hidden, width), (outputs, _) = SHAPES
    first, second = map(list, kept)
    for i in range(len(first)):
        first[i] &= int(any(second[o * hidden + i // width] for o in range(outputs)))
    for i in range(len(second)):
        second[i] &= int(any(first[(i % hidden) * width:(i % hidden + 1) * width]))
    return [first, second]


def cannistraci_hebb(seed, density, score, importance=False, fraction=0.3):
    """Start, what is kept after chains, and scores of an update of mlp_and_cnn/dst_scheduler.py at step 100."""
    rounds, start, before = draws(seed, 1), half(seed + 1, density), []
    (weights, _), = rounds
    for w, mask, (out, inputs) in zip(weights, start, SHAPES):
        size = [abs(x) * bit for x, bit in zip(w, mask)]
        if importance:
            rows = [sum(size[r * inputs + c] + 1e-5 for c in range(inputs)) for r in range(out)]
            columns = [sum(size[r * inputs + c] + 1e-5 for r in range(out)) for c in range(inputs)]
            size = [x / columns[i % inputs] + x / rows[i // inputs] for i, x in enumerate(size)]
        gone = int(cosine(fraction, 100, 0.75 * TOTAL) * sum(mask))
        before.append(bits(largest(size, sum(mask) - gone, active(mask)), len(w)))
    kept = without_chains(before)
    scores = [ch3_l3(mask, *shape)[score] for mask, shape in zip(kept, SHAPES)]
    return rounds, start, before, kept, scores


def grown_by(degree, kept, missing, score):
    after = []
    for mask, shape, number in zip(kept, SHAPES, missing):
        scores = ch3_l3(mask, *shape, degree)[score]
        free = [i for i, bit in enumerate(mask) if not bit]
        after.append(bits(set(active(mask)) | largest(scores, number, free), len(mask)))
    return after


def cht():
    # The hard rule: links whose score reaches that of the last one that is needed. Numbers are such that no score
    # is tied there, that enough links have a path, and that counts of paths or whole degrees would choose others.
    for score, importance, name, first in [(0, False, "path", 7128), (1, True, "node", 23611)]:
        for seed in itertools.count(first):
            rounds, start, before, kept, scores = cannistraci_hebb(seed, 0.375, score, importance)
            missing = [sum(a) - sum(b) for a, b in zip(start, kept)]
            free = [sorted(s for s, bit in zip(*layer) if not bit) for layer in zip(scores, kept)]
            apart = all(f[-n] > f[-n - 1] + 1e-3 and f[-n] > 0 for f, n in zip(free, missing))
            if not (kept != before and all(missing) and apart):
                continue
            after = [[int(bit or value >= f[-n]) for bit, value in zip(mask, layer)]
                     for mask, layer, f, n in zip(kept, scores, free, missing)]
            if after not in [grown_by(degree, kept, missing, score) for degree in ("whole", "none")]:
                break
        assert counts_of(after) == counts_of(start)
        removal = "relative-importance" if importance else "magnitude"
        case("cht", "biomedical-cybernetics/Cannistraci-Hebb-training, mlp_and_cnn/dst_scheduler.py and "
             "CH_scores_new_v2.cpp",
             f"the mask after an update with chain removal, by {name}, removal by {removal.replace('-', ' ')}",
             [100], start, [after], 0.375, rounds,
             {"score": name, "removal": removal, "early_stop": 1.0},
             "the reference grows more at a tie and every place where no path leads; its update takes the place "
             "of the step; it stops all layers together once each has regrown more than a share (newer code), or "
             "each by itself (older)" + ("; it adds 1e-5 to every magnitude in sums" if importance else ""))


def shares(scores, places):
    whole = sum(score * place for score, place in zip(scores, places))
    return [score * place / whole for score, place in zip(scores, places)]


def chts():
    # The soft rule: as many links as are missing, drawn in proportion to their scores, without putting back. fc2
    # misses one, whose odds are the scores.
    for seed in itertools.count(17600):
        rounds, start, before, kept, scores = cannistraci_hebb(seed, 0.46, 0, fraction=0.1)
        missing = [sum(a) - sum(b) for a, b in zip(start, kept)]
        places = [[int(not bit and value > 0) for bit, value in zip(*layer)] for layer in zip(kept, scores)]
        enough = all(sum(mask) > n > 0 for mask, n in zip(places, missing))
        if missing[1] == 1 and enough and kept != before:
            odds = shares(scores[1], places[1])
            others = [shares(ch3_l3(kept[1], *SHAPES[1], degree)[0], places[1]) for degree in ("whole", "none")]
            others.append(shares(places[1], places[1]))
            # Other degrees and equal odds would show in 400 draws.
            if all(max(abs(a - b) / math.sqrt(a * (1 - a) / 400) for a, b in zip(odds, other) if a) > 6
                   for other in others):
                break
    odds = [[], odds]
    case("chts", "biomedical-cybernetics/Cannistraci-Hebb-training, mlp_and_cnn/dst_scheduler.py and "
         "CH_scores_new_v2.cpp",
         DRAWN + "; how often each place is drawn, with chain removal", [100], start, [kept], 0.46, rounds,
         {"early_stop": 1.0, "drop_fraction": 0.1},
         "where too few links have a path the reference adds 1e-5 to all scores, where ours draws those without "
         "a path last; differences of cht hold too",
         further=[drawn(kept, counts_of(start), places, odds=odds)])


def exchanged_groups(groups, fraction, rounds, steps, start, weight=abs, gradient=abs):
    """RigL's rule on groups of entries: sums of |w| and |g| in place of entries, a group is active as a whole.
    With another function of an entry it is another rule."""
    masks, expected = start, []
    for step, (weights, gradients) in zip(steps, rounds):
        after = []
        for w, g, mask, members in zip(weights, gradients, masks, groups):
            held = [n for n, group in enumerate(members) if mask[group[0]]]
            count = int(cosine(fraction, step, 0.75 * TOTAL) * len(held))
            pooled = [sum(weight(w[i]) for i in group) for group in members]
            grown = [sum(gradient(g[i]) for i in group) for group in members]
            kept = largest(pooled, len(held) - count, held)
            chosen = kept | largest(grown, count, [n for n in range(len(members)) if n not in kept])
            after.append(bits({i for n in chosen for i in members[n]}, len(w)))
        masks = after
        expected.append(after)
    return expected


def exchange_of_groups(groups, fraction, seed):
    """Numbers and start at which sums of squares would choose otherwise, of weights as well as of gradients."""
    steps, square = [100, 200, 300], lambda value: value * value
    for seed in itertools.count(seed):
        rounds, start = draws(seed, 3), some_groups(groups, seed)
        expected = exchanged_groups(groups, fraction, rounds, steps, start)
        others = [exchanged_groups(groups, fraction, rounds, steps, start, weight=square),
                  exchanged_groups(groups, fraction, rounds, steps, start, gradient=square)]
        if expected not in others:
            return steps, rounds, start, expected


def some_groups(groups, seed):
    rng, masks = random.Random(seed), []
    for members, (out, inputs) in zip(groups, SHAPES):
        chosen = rng.sample(members, len(members) // 2)
        masks.append(bits({i for group in chosen for i in group}, out * inputs))
    return masks


def block():
    # pruning_impl.py pools |theta| over blocks by their mean and gives the mask back to all entries; the exchange
    # is that of RigL. Blocks of 1 x 2 divide both layers.
    groups = [[[row * inputs + column, row * inputs + column + 1]
               for row in range(out) for column in range(0, inputs, 2)] for out, inputs in SHAPES]
    steps, rounds, start, expected = exchange_of_groups(groups, 0.3, 81)
    case("block", "google-research/rigl, rigl/sparse_optimizers_base.py; blocks as in "
         "tensorflow/model-optimization, pruning_impl.py", "masks after three updates", steps, start, expected,
         0.5, rounds,
         {"distribution": "uniform", "height": 1, "width": 2},
         "no publication has this method: the rule is RigL's, the pooling that of a pruning library; blocks that "
         "do not divide a layer are padded there and smaller here")


def diagonal():
    # maskGen.py: entry n of diagonal p of a wide matrix is (n, (n + p) mod columns), of a tall one transposed. The
    # exchange is that of RigL.
    groups = [[[n * inputs + (n + p) % inputs for n in range(out)] for p in range(inputs)]
              for out, inputs in SHAPES]
    steps, rounds, start, expected = exchange_of_groups(groups, 0.5, 91)
    case("diagonal", "horizon-research/DynaDiag, MLP/maskGen.py (which entries a diagonal has)",
         "masks after three updates", steps, start, expected, 0.5, rounds,
         {"distribution": "uniform", "drop_fraction": 0.5},
         "the reference learns which diagonals stay by a soft top-k; ours exchanges them as RigL exchanges "
         "connections")


for function in [rigl, set_by_step, set_by_epoch, top_kast, nm, ac_dc, lottery, gmp, granet, snip, synflow,
                 srigl, mest, movement, grasp, one_shot, snfs, dsr, deep_r, cht, chts, block, diagonal]:
    function()

print(json.dumps({"cases": CASES, "without": WITHOUT}, separators=(",", ":")))
