"""What a case is, and the numbers that cases are made of."""

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


def globally(weights, density, scores=None):
    scores = [magnitude(w) for w in weights] if scores is None else scores
    places = [(layer, i) for layer, w in enumerate(weights) for i in range(len(w))]
    places.sort(key=lambda place: -scores[place[0]][place[1]])
    chosen = set(places[: round(density * len(places))])
    return [[int((layer, i) in chosen) for i in range(len(w))] for layer, w in enumerate(weights)]
