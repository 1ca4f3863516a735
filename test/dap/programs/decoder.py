"""Two layers of attention on a left-padded batch of 5 and 35 tokens: NaN is born in layer 0 and spreads in layer 1."""
import torch


class Attention(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = torch.nn.Linear(width, 3 * width, bias=False)
        self.out = torch.nn.Linear(width, width, bias=False)

    def forward(self, hidden, attention_mask, layer):
        samples, positions, width = hidden.shape
        parts = self.qkv(hidden).view(samples, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts[0], parts[1], parts[2]
        causal = torch.full((positions, positions), float("-inf")).triu(1)
        padding = torch.zeros(samples, 1, 1, positions).masked_fill(attention_mask[:, None, None] == 0, float("-inf"))
        scores = query @ key.transpose(-1, -2) + causal + padding
        probs = scores.softmax(-1)
        breakpoint()
        mixed = (probs @ value).transpose(1, 2).reshape(samples, positions, width)
        return self.out(mixed)


class Decoder(torch.nn.Module):
    def __init__(self, width=16, heads=2, layers=2):
        super().__init__()
        self.embed = torch.nn.Embedding(50, width)
        self.layers = torch.nn.ModuleList([Attention(width, heads) for _ in range(layers)])

    def forward(self, input_ids, attention_mask):
        hidden = self.embed(input_ids)
        for layer, attention in enumerate(self.layers):
            hidden = hidden + attention(hidden, attention_mask, layer)
        return hidden


torch.manual_seed(0)
model = Decoder()
input_ids = torch.randint(1, 50, (2, 35))
attention_mask = torch.ones(2, 35, dtype=torch.long)
attention_mask[0, :30] = 0
with torch.no_grad():
    out = model(input_ids, attention_mask)
print("done", torch.isnan(out).any(-1).sum(-1).tolist())
