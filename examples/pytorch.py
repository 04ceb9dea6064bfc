"""A pruned layer of an exported network in PyTorch. Needs torch, numpy and safetensors.

    cargo harness export TRIAL --format csr -o sparse.safetensors
    python examples/pytorch.py sparse.safetensors fc1
"""

import math
import sys

import torch
from safetensors.torch import load_file

net, layer = load_file(sys.argv[1]), sys.argv[2]
rows = [net[f"{layer}.weight.{part}"] for part in ("crow_indices", "col_indices", "values")]
shape = net[f"{layer}.weight.shape"].tolist()
weight = torch.sparse_csr_tensor(*rows, size=(shape[0], math.prod(shape[1:])))
outputs = (weight @ torch.rand(64, weight.shape[1]).T).T + net[f"{layer}.bias"]
print(f"{layer}: {weight.values().numel()} of {weight.numel()} weights, outputs {tuple(outputs.shape)}")
