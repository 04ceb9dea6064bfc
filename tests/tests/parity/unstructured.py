"""Rules that choose single connections while a network trains."""

import itertools
import math
import random
from fractions import Fraction

from cases import (
    DRAWN, SHAPES, TOTAL, active, bits, case, cosine, counts_of, dense, drawn, draws, globally, half, largest,
    magnitude,
)


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
