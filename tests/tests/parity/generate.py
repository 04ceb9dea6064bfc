#!/usr/bin/env python3
"""Prints cases.json: what reference implementations choose on fixed weights and gradients.

Each function below states the rule of one reference in its own few lines, on plain lists and without
our code. `parity.rs` runs our strategies on the same numbers and compares. Where we chose another rule on
purpose, the numbers are such that both agree, and `difference` says what that hides.

    python3 generate.py > cases.json
"""

import json
import math
import random

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


def case(method, reference, compared, steps, start, expected, density, rounds, parameters=None,
         difference="", hook="masks"):
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
        "hook": hook,
        "rounds": [
            {"step": step, "weights": weights, "gradients": gradients, "expected": after}
            for step, (weights, gradients), after in zip(steps, rounds, expected)
        ],
    })


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
    # The same with random growth: what survives is determined.
    steps, rounds, start = [100], draws(2, 1), half(12)
    (weights, _), = rounds
    after = []
    for w, mask in zip(weights, start):
        count = int(cosine(0.3, 100, 0.75 * TOTAL) * sum(mask))
        after.append(bits(largest(magnitude(w), sum(mask) - count, active(mask)), len(w)))
    case("set", "google-research/rigl, SparseSETOptimizer", "survivors and counts of an update", steps,
         start, [after], 0.5, rounds,
         {"distribution": "uniform", "drop": "magnitude", "interval": "100 steps", "end": "75%",
          "decay": "cosine", "drop_fraction": 0.3, "regrowth": "forbidden"},
         "the reference lets a dropped connection return at random; here growth is kept apart to see the "
         "drop", "survivors")


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
         "survivors and counts of an update", steps, start, [after], 0.5, rounds,
         {"distribution": "uniform", "drop": "by-sign", "drop_fraction": zeta, "regrowth": "forbidden"},
         "of negative weights the reference rounds the removed ones up, we round both sides down",
         "survivors")


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
    # s_t = s_f (1 - (1 - (t - t0) / (n dt))^3): top |theta| of each layer.
    steps, rounds, masks, expected = [100, 200, 300], draws(8, 3), dense(), []
    for step, (weights, _) in zip(steps, rounds):
        sparsity = 0.5 * (1 - (1 - step / 300) ** 3)
        masks = [
            bits(largest(magnitude(w), round((1 - sparsity) * len(w)), active(mask)), len(w))
            for w, mask in zip(weights, masks)
        ]
        expected.append(masks)
    case("gmp", "google-research/jaxpruner, algorithms/pruners.py and sparsity_schedules.py",
         "masks after three updates", steps, dense(), expected, 0.5, rounds,
         {"distribution": "uniform", "interval": "100 steps", "end": "301 steps"})


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
         difference="the reference scores biases too, which are dense here", hook="start")


def synflow():
    # ganguli-lab/Synaptic-Flow: |theta dR/d theta| of the network of magnitudes, in rounds of rho^(r/n). Our
    # two layers do not feed each other, so each is a network of its own: R is the sum of |W| 1.
    rounds = draws(10, 1)
    (weights, _), = rounds
    scores = [magnitude(w) for w in weights]
    case("synflow", "ganguli-lab/Synaptic-Flow, Pruners/pruners.py", "the mask at the start", [0], dense(),
         [globally(weights, 0.5, scores)], 0.5, rounds, {"rounds": 100},
         "layers beside each other; those behind each other are held by tests of the crate", "start")


def mest():
    # prune_utils/retrain.py: score |theta| + lambda |g|; the smallest go down to the prune-to count, random
    # ones come back: what survives is determined.
    steps, rounds, start = [500], draws(21, 1), half(22)
    (weights, gradients), = rounds
    after = []
    for w, g, mask in zip(weights, gradients, start):
        score = [abs(a) + 0.5 * abs(b) for a, b in zip(w, g)]
        count = int(0.25 * sum(mask))
        after.append(bits(largest(score, sum(mask) - count, active(mask)), len(w)))
    case("mest", "boone891214/MEST, prune_utils/retrain.py", "survivors and counts of an update", steps,
         start, [after], 0.5, rounds,
         {"distribution": "uniform", "gradient_weight": 0.5, "drop_fraction": 0.25, "interval": "5 epochs",
          "regrowth": "forbidden"},
         "the reference lets a dropped connection return at random", "survivors")


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


for function in [rigl, set_by_step, set_by_epoch, top_kast, nm, ac_dc, lottery, gmp, granet, snip, synflow,
                 srigl, mest, movement]:
    function()

print(json.dumps(CASES, separators=(",", ":")))
