"""Control flow that torch.jit.script keeps, exported by plain torch.onnx.export: an If around attention, a Loop;
and modules that are exported as local functions.

Usage: scripted.py FOLDER. Writes chosen.onnx, repeated.onnx, modules.onnx, their inputs as .npz, and prints where PyTorch itself has NaN.
"""
import json, sys
import numpy as np
import torch
from torch import nn

out = sys.argv[1]

@torch.jit.script
def attend(q, k, v, mask):
    scores = torch.matmul(q, k.transpose(1, 2)) / 2.0
    causal = torch.triu(torch.ones(scores.size(1), scores.size(2)), 1) > 0.5
    if bool(mask.min() < 0.5):
        masked = scores.masked_fill(mask.unsqueeze(1) < 0.5, float('-inf'))
        p = torch.softmax(masked.masked_fill(causal, float('-inf')), -1)
    else:
        p = torch.softmax(scores.masked_fill(causal, float('-inf')), -1)
    return torch.matmul(p, v)

class Chosen(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.emb = nn.Embedding(11, 8)
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.head = nn.Linear(8, 11)
    def forward(self, input_ids, attention_mask):
        h = self.emb(input_ids)
        return self.head(h + attend(self.q(h), self.k(h), self.v(h), attention_mask.float()))

@torch.jit.script
def refine(h, steps: int):
    left = torch.ones(1)
    for i in range(steps):
        left = left - 0.3
        h = torch.tanh(h) * torch.sqrt(left)
    return h

class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.emb = nn.Embedding(11, 8)
        self.head = nn.Linear(8, 11)
    def forward(self, input_ids, attention_mask):
        h = self.emb(input_ids)
        n = input_ids.size(1)
        return self.head(refine(h, n))

class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, h, mask):
        scores = torch.matmul(self.q(h), self.k(h).transpose(1, 2)) / 2.0
        scores = scores.masked_fill(mask.unsqueeze(1) < 0.5, float('-inf'))
        causal = torch.triu(torch.ones(scores.size(1), scores.size(2)), 1) > 0.5
        return torch.matmul(torch.softmax(scores.masked_fill(causal, float('-inf')), -1), self.v(h))


class Modules(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.emb = nn.Embedding(11, 8)
        self.layers = nn.ModuleList([Attention(), Attention()])
        self.head = nn.Linear(8, 11)

    def forward(self, input_ids, attention_mask):
        h = self.emb(input_ids)
        for layer in self.layers:
            h = h + layer(h, attention_mask.float())
        return self.head(h)


ids = torch.tensor([[0, 0, 3, 4, 5], [1, 2, 3, 4, 5]])
mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
truth = {}
for name, module in (('chosen', Chosen()), ('repeated', Repeated()), ('modules', Modules())):
    module.eval()
    torch.onnx.export(module, (ids, mask), f'{out}/{name}.onnx', opset_version=15, export_modules_as_functions=name == 'modules',
        input_names=['input_ids', 'attention_mask'], output_names=['logits'],
        dynamic_axes={'input_ids': {0: 'batch', 1: 'sequence'}, 'attention_mask': {0: 'batch', 1: 'sequence'}})
    y = module(ids, mask)
    truth[name] = torch.isnan(y).any(-1).int().tolist()
np.savez(f'{out}/chosen.npz', input_ids=ids.numpy(), attention_mask=mask.numpy())
np.savez(f'{out}/modules.npz', input_ids=ids.numpy(), attention_mask=mask.numpy())
np.savez(f'{out}/repeated.npz', input_ids=ids.numpy())
print(json.dumps(truth))
