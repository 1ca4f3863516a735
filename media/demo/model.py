"""A small decoder in the manner of DeepSeek-V3 and Kimi K2: multi-head latent attention, SwiGLU, RMSNorm.

`mask_value` is what is added to the scores of keys that a query may not read. With minus infinity a padding
query that may read nothing gives softmax([-inf, -inf, …]) = NaN; with the lowest finite value it does not.
"""

import torch
import torch.nn.functional as F
from torch import nn

MINUS_INFINITY = float("-inf")
LOWEST_FINITE = torch.finfo(torch.float32).min


class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def rotate_half(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class LatentAttention(nn.Module):
    def __init__(self, hidden, heads, rank=32, nope=16, rope=8):
        super().__init__()
        self.heads, self.rank, self.nope, self.rope = heads, rank, nope, rope
        self.q_a_proj = nn.Linear(hidden, rank, bias=False)
        self.q_a_layernorm = RMSNorm(rank)
        self.q_b_proj = nn.Linear(rank, heads * (nope + rope), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(hidden, rank + rope, bias=False)
        self.kv_a_layernorm = RMSNorm(rank)
        self.kv_b_proj = nn.Linear(rank, heads * 2 * nope, bias=False)
        self.o_proj = nn.Linear(heads * nope, hidden, bias=False)

    def forward(self, x, mask, cos, sin):
        batch, length, _ = x.shape
        query = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x)))
        query = query.view(batch, length, self.heads, -1).transpose(1, 2)
        q_nope, q_rope = query.split([self.nope, self.rope], dim=-1)

        latent, k_rope = self.kv_a_proj_with_mqa(x).split([self.rank, self.rope], dim=-1)
        key_value = self.kv_b_proj(self.kv_a_layernorm(latent))
        key_value = key_value.view(batch, length, self.heads, -1).transpose(1, 2)
        k_nope, value = key_value.split([self.nope, self.nope], dim=-1)

        q_rope = q_rope * cos + rotate_half(q_rope) * sin
        k_rope = k_rope.unsqueeze(1)
        k_rope = k_rope * cos + rotate_half(k_rope) * sin
        query = torch.cat((q_nope, q_rope), dim=-1)
        key = torch.cat((k_nope, k_rope.expand(-1, self.heads, -1, -1)), dim=-1)

        scores = torch.matmul(query, key.transpose(2, 3)) * (self.nope + self.rope) ** -0.5
        scores = scores + mask
        weights = torch.softmax(scores, dim=-1)
        mixed = torch.matmul(weights, value).transpose(1, 2).reshape(batch, length, -1)
        return self.o_proj(mixed)


class MLP(nn.Module):
    def __init__(self, hidden, inner):
        super().__init__()
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.input_layernorm = RMSNorm(hidden)
        self.self_attn = LatentAttention(hidden, heads)
        self.post_attention_layernorm = RMSNorm(hidden)
        self.mlp = MLP(hidden, hidden * 2)

    def forward(self, x, mask, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), mask, cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Model(nn.Module):
    def __init__(self, vocabulary, hidden, heads, layers, mask_value):
        super().__init__()
        self.mask_value = mask_value
        self.embed_tokens = nn.Embedding(vocabulary, hidden)
        self.layers = nn.ModuleList([DecoderLayer(hidden, heads) for _ in range(layers)])
        self.norm = RMSNorm(hidden)
        self.register_buffer("inv_freq", 10000.0 ** (-torch.arange(0, 8, 2).float() / 8))

    def forward(self, input_ids, attention_mask):
        x = self.embed_tokens(input_ids)
        # Positions count from the first real token; pads are at 1, as in the Hugging Face models.
        positions = (attention_mask.cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)
        angles = positions.unsqueeze(-1).float() * self.inv_freq
        angles = torch.cat((angles, angles), dim=-1).unsqueeze(1)
        mask = self.mask(attention_mask, x)
        for layer in self.layers:
            x = layer(x, mask, angles.cos(), angles.sin())
        return self.norm(x)

    def mask(self, attention_mask, x):
        """0 where a query may read a key, `mask_value` where it may not: later keys and padding. [B, 1, S, S]"""
        steps = torch.arange(attention_mask.shape[1], device=x.device)
        causal = steps.unsqueeze(0) <= steps.unsqueeze(1)
        allowed = causal[None, None] & attention_mask.bool()[:, None, None, :]
        return torch.where(allowed, torch.zeros((), dtype=x.dtype), torch.full((), self.mask_value, dtype=x.dtype))


class MiniKimi(nn.Module):
    """Token ids and a mask (1 real, 0 padding), both [batch, sequence], to logits."""

    def __init__(self, mask_value=MINUS_INFINITY, vocabulary=256, hidden=64, heads=4, layers=3):
        super().__init__()
        self.model = Model(vocabulary, hidden, heads, layers, mask_value)
        self.lm_head = nn.Linear(hidden, vocabulary, bias=False)

    def forward(self, input_ids, attention_mask):
        return self.lm_head(self.model(input_ids, attention_mask))
