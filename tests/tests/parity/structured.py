"""Rules whose connections come and go in groups, or row by row."""

import itertools
import random

from cases import SHAPES, TOTAL, active, bits, case, cosine, dense, draws, largest, magnitude


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
