"""The models of the harness in plain torch.nn, as a PyTorch user would write them."""

import torch
from torch import nn
from torch.nn import functional as F


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max pooling, 61,706 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, pictures):
        maps = F.max_pool2d(F.relu(self.conv1(pictures)), 2)
        maps = F.max_pool2d(F.relu(self.conv2(maps)), 2)
        features = F.relu(self.fc1(maps.flatten(1)))
        return self.fc3(F.relu(self.fc2(features)))


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions with norms, and a projection where the size changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, maps):
        way = maps if self.shortcut is None else self.shortcut(maps)
        inside = self.relu(self.bn1(self.conv1(maps)))
        out = self.bn2(self.conv2(inside))
        out += way
        return self.relu(out)


class ResNet18(nn.Module):
    """ResNet-18 with the 3 × 3 stem for CIFAR, 11,173,962 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        blocks, inputs = [], 64
        for outputs, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
            blocks += [BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(512, 10)

    def forward(self, pictures):
        maps = F.relu(self.bn1(self.conv1(pictures)), inplace=True)
        return self.fc(self.blocks(maps).mean((2, 3)))


class Block(nn.Module):
    """A block of BERT: attention and feed-forward network, each with its sum and norm."""

    def __init__(self, hidden, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.attended = nn.Linear(hidden, hidden)
        self.attended_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.widen = nn.Linear(hidden, 4 * hidden)
        self.narrow = nn.Linear(4 * hidden, hidden)
        self.output_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.drop = nn.Dropout(dropout)

    def forward(self, signal, mask):
        batch, length, hidden = signal.shape

        def heads(x):
            return x.view(batch, length, self.heads, -1).transpose(1, 2)

        attention = F.scaled_dot_product_attention(
            heads(self.query(signal)),
            heads(self.key(signal)),
            heads(self.value(signal)),
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
        )
        joined = attention.transpose(1, 2).reshape(batch, length, hidden)
        signal = self.attended_norm(self.drop(self.attended(joined)) + signal)
        wide = F.gelu(self.widen(signal))
        return self.output_norm(self.drop(self.narrow(wide)) + signal)


class MiniLm(nn.Module):
    """MiniLM-L6 with pooler and classifier, 22,713,216 parameters before the classifier."""

    def __init__(self, hidden=384, layers=6, heads=12, dropout=0.1):
        super().__init__()
        self.words = nn.Embedding(30522, hidden)
        self.positions = nn.Embedding(512, hidden)
        self.segments = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.blocks = nn.ModuleList(Block(hidden, heads, dropout) for _ in range(layers))
        self.pooler = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, 2)
        self.drop = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, ids, segments, present):
        places = torch.arange(ids.shape[1])
        total = self.words(ids) + self.segments(segments) + self.positions(places)
        signal = self.drop(self.norm(total))
        # One additive mask for all blocks, as transformers makes it.
        mask = torch.zeros(ids.shape[0], 1, 1, ids.shape[1])
        mask = mask.masked_fill(~present[:, None, None, :], float("-inf"))
        for block in self.blocks:
            signal = block(signal, mask)
        return self.classifier(self.drop(torch.tanh(self.pooler(signal[:, 0]))))
