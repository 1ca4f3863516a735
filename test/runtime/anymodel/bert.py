"""A BERT-named encoder with random weights, exported with plain torch.onnx.export. Usage: bert.py FOLDER"""
import os, sys
import numpy as np
import torch
import torch.nn as nn

H = 8


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.word_embeddings, self.position_embeddings = nn.Embedding(16, H), nn.Embedding(8, H)
        self.LayerNorm = nn.LayerNorm(H)

    def forward(self, ids):
        return self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings(torch.arange(ids.shape[1])))


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(H, H) for _ in range(3))

    def forward(self, x, mask):
        split = lambda t: t.view(t.shape[0], t.shape[1], 2, H // 2).transpose(1, 2)
        scores = split(self.query(x)) @ split(self.key(x)).transpose(-1, -2) / 2 + mask
        out = torch.softmax(scores, -1) @ split(self.value(x))
        return out.transpose(1, 2).reshape(x.shape)


class Output(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(width, H), nn.LayerNorm(H)

    def forward(self, x, residual):
        return self.LayerNorm(self.dense(x) + residual)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.self, self.output = SelfAttention(), Output(H)

    def forward(self, x, mask):
        return self.output(self.self(x, mask), x)


class Intermediate(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(H, 2 * H)

    def forward(self, x):
        return torch.relu(self.dense(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.intermediate, self.output = Attention(), Intermediate(), Output(2 * H)

    def forward(self, x, mask):
        x = self.attention(x, mask)
        return self.output(self.intermediate(x), x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.ModuleList(Layer() for _ in range(2))

    def forward(self, x, mask):
        for layer in self.layer:
            x = layer(x, mask)
        return x


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings, self.encoder, self.classifier = Embeddings(), Encoder(), nn.Linear(H, 3)

    def forward(self, input_ids, attention_mask):
        mask = torch.zeros(attention_mask.shape).masked_fill(attention_mask == 0, -float("inf"))[:, None, None, :]
        return self.classifier(self.encoder(self.embeddings(input_ids), mask))


torch.manual_seed(3)
# Sample 0 has no real token at all: every row of its softmax is fully masked. Sample 1 is padded on the right.
ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
mask = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 0]])
axes = {0: "batch", 1: "sequence"}
torch.onnx.export(Bert().eval(), (ids, mask), os.path.join(sys.argv[1], "bert.onnx"), opset_version=14,
                  input_names=["input_ids", "attention_mask"], output_names=["logits"], do_constant_folding=False,
                  dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": axes})
np.savez(os.path.join(sys.argv[1], "bert.npz"), input_ids=ids.numpy(), attention_mask=mask.numpy())
