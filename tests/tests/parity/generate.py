#!/usr/bin/env python3
"""Prints cases.json: what reference implementations choose on fixed weights and gradients.

Each function in `fixed.py`, `unstructured.py` and `structured.py` states the rule of one reference in its own few
lines, on plain lists and without our code. `main.rs` runs our strategies on the same numbers and compares. Where we
chose another rule on purpose, the numbers are such that both agree, and `difference` says what that hides. Where a
rule that is nearly the right one might choose the same on most numbers, seeds are searched until it does not (from
the one that was found, to be quick). Where a reference draws at random, a round says what must stay, from where the
rest is drawn, and how many are active then.

    python3 generate.py > cases.json
    UPDATE_GOLDEN=1 cargo test --release -p end-to-end --test parity    # writes the table of docs/parity.md
"""

import json

from cases import CASES, WITHOUT
from fixed import lottery, snip, synflow, grasp, one_shot
from structured import nm, srigl, block, diagonal
from unstructured import (
    rigl, set_by_step, set_by_epoch, top_kast, ac_dc, gmp, granet, mest, movement, snfs, dsr, deep_r, cht, chts
)

for function in [rigl, set_by_step, set_by_epoch, top_kast, nm, ac_dc, lottery, gmp, granet, snip, synflow,
                 srigl, mest, movement, grasp, one_shot, snfs, dsr, deep_r, cht, chts, block, diagonal]:
    function()

print(json.dumps({"cases": CASES, "without": WITHOUT}, separators=(",", ":")))
