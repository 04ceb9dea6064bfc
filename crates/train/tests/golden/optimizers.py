"""Golden values of the optimisers, worked out in double precision.

The update rules are those of PyTorch 2.13 (torch.optim.SGD, Adam, AdamW, RMSprop and
torch.nn.utils.clip_grad_norm_), written out for one weight at a time. The mask is ours: an
entry outside it has gradient 0 and its weight does not move.

    python3 optimizers.py > optimizers.json
"""

import json
import math

WEIGHT = [0.5, -1.25, 2.0, -0.75, 0.125, 1.5]
GRADIENTS = [
    [0.25, -0.5, 1.0, 0.0, -0.125, 2.0],
    [-0.5, 0.75, 0.5, 0.25, 0.0, 1.0],
    [0.125, -1.0, -0.25, 1.5, 0.5, -2.0],
    [1.0, 0.5, -0.75, -0.25, 0.0625, 0.5],
]
ALL = [1, 1, 1, 1, 1, 1]
SOME = [1, 0, 1, 0, 0, 1]


def sgd(config, step, w, g, m, v):
    g += config["weight_decay"] * w
    if config["momentum"] == 0:
        return w - config["learning_rate"] * g, m, v
    m = config["momentum"] * m + g
    direction = g + config["momentum"] * m if config["nesterov"] else m
    return w - config["learning_rate"] * direction, m, v


def adam(config, step, w, g, m, v):
    rate = config["learning_rate"]
    if config["optimizer"] == "adamw":
        w -= rate * config["weight_decay"] * w
    else:
        g += config["weight_decay"] * w
    m = config["beta1"] * m + (1 - config["beta1"]) * g
    v = config["beta2"] * v + (1 - config["beta2"]) * g * g
    mean = m / (1 - config["beta1"] ** step)
    square = v / (1 - config["beta2"] ** step)
    return w - rate * mean / (math.sqrt(square) + config["epsilon"]), m, v


def rmsprop(config, step, w, g, m, v):
    """`m` is the mean of squares and `v` the buffer of momentum, as the harness keeps them."""
    g += config["weight_decay"] * w
    m = config["alpha"] * m + (1 - config["alpha"]) * g * g
    direction = g / (math.sqrt(m) + config["epsilon"])
    if config["momentum"] > 0:
        v = config["momentum"] * v + direction
        direction = v
    return w - config["learning_rate"] * direction, m, v


RULES = {"sgd": sgd, "adam": adam, "adamw": adam, "rmsprop": rmsprop}
DEFAULTS = {
    "sgd": {"momentum": 0.0, "nesterov": False},
    "adam": {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8},
    "adamw": {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8},
    "rmsprop": {"alpha": 0.9, "epsilon": 1e-8, "momentum": 0.0},
}


def training(config):
    """The config as the harness reads it."""
    own = {key: value for key, value in config.items() if key in ("learning_rate", "clip_norm")}
    rule = {key: value for key, value in config.items() if key not in own and key != "optimizer"}
    return own | {"optimizer": {"name": config["optimizer"]} | rule}


def case(name, mask, **config):
    config = {"learning_rate": 0.1, "weight_decay": 0.0, "clip_norm": 0.0} | config
    config = DEFAULTS[config["optimizer"]] | config
    rule = RULES[config["optimizer"]]
    weight, first, second = list(WEIGHT), [0.0] * 6, [0.0] * 6
    for step, gradients in enumerate(GRADIENTS, 1):
        factor = 1.0
        if config["clip_norm"] > 0:
            norm = math.sqrt(sum(g * g for g, on in zip(gradients, mask) if on))
            factor = min(1.0, config["clip_norm"] / (norm + 1e-6))
        for i in range(6):
            if mask[i]:
                weight[i], first[i], second[i] = rule(
                    config, step, weight[i], gradients[i] * factor, first[i], second[i]
                )
            else:
                # Gradient 0, no decay: only the moments shrink.
                _, first[i], second[i] = rule(
                    config | {"weight_decay": 0.0}, step, weight[i], 0.0, first[i], second[i]
                )
    return {
        "name": name,
        "training": training(config),
        "mask": mask,
        "weight": weight,
        "first": first,
        "second": second,
    }


def both(name, **config):
    return [case(name, ALL, **config), case(name + ", masked", SOME, **config)]


cases = (
    both("sgd", optimizer="sgd")
    + both("sgd with decay", optimizer="sgd", weight_decay=0.01)
    + both("momentum", optimizer="sgd", momentum=0.9, weight_decay=0.01)
    + both("nesterov", optimizer="sgd", momentum=0.8, nesterov=True, weight_decay=0.01)
    + both("adam", optimizer="adam")
    + both("adam with decay", optimizer="adam", weight_decay=0.05)
    + both("adamw", optimizer="adamw", weight_decay=0.05)
    + both("clipped momentum", optimizer="sgd", momentum=0.9, clip_norm=0.5)
    + both("clipped adamw", optimizer="adamw", weight_decay=0.05, clip_norm=1.25)
    + both("rmsprop", optimizer="rmsprop")
    + both("rmsprop with decay", optimizer="rmsprop", weight_decay=0.05)
    + both("rmsprop with momentum", optimizer="rmsprop", momentum=0.8, weight_decay=0.05)
    + both("clipped rmsprop", optimizer="rmsprop", momentum=0.8, clip_norm=0.5)
)
print('{"start": %s,' % WEIGHT)
print('"gradients": %s,' % GRADIENTS)
print('"cases": [\n%s\n]}' % ",\n".join(map(json.dumps, cases)))
