"""A decoder with the module names of real ones, on the SEED's batch: 5 and 35 tokens, left padded, two passes."""
import sys

import torch


class Norm(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, hidden):
        return hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Attention(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.heads = config.heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            torch.nn.Linear(config.width, config.width, bias=False) for _ in range(4))

    def forward(self, hidden_states, attention_mask=None):
        samples, positions, width = hidden_states.shape
        query, key, value = (projection(hidden_states).view(samples, positions, self.heads, -1).transpose(1, 2)
                             for projection in (self.q_proj, self.k_proj, self.v_proj))
        scores = query @ key.transpose(-1, -2) + attention_mask
        probs = torch.nn.functional.softmax(scores, dim=-1)
        return self.o_proj((probs @ value).transpose(1, 2).reshape(samples, positions, width))


class Mlp(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up_proj, self.down_proj = torch.nn.Linear(width, 2 * width), torch.nn.Linear(2 * width, width)

    def forward(self, hidden):
        return self.down_proj(torch.nn.functional.silu(self.up_proj(hidden)))


class Layer(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(config.width), Norm(config.width)
        self.self_attn, self.mlp = Attention(config), Mlp(config.width)

    def forward(self, hidden, attention_mask):
        hidden = hidden + self.self_attn(hidden_states=self.input_layernorm(hidden), attention_mask=attention_mask)
        return hidden + self.mlp(self.post_attention_layernorm(hidden))


class Model(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(50, config.width)
        self.layers = torch.nn.ModuleList([Layer(config) for _ in range(config.layers)])
        self.norm = Norm(config.width)

    def forward(self, input_ids, attention_mask):
        hidden = self.embed_tokens(input_ids)
        positions = input_ids.shape[1]
        mask = torch.full((positions, positions), float("-inf")).triu(1)
        mask = mask + torch.zeros(len(input_ids), 1, 1, positions).masked_fill(
            attention_mask[:, None, None] == 0, float("-inf"))
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self.norm(hidden)


class KimiForCausalLM(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Model(config)
        self.lm_head = torch.nn.Linear(config.width, 50, bias=False)

    def forward(self, input_ids=None, attention_mask=None):
        return {"logits": self.lm_head(self.model(input_ids, attention_mask))}


class Config:
    def __init__(self, layers):
        self.width, self.heads, self.layers, self._attn_implementation = 16, 2, layers, "eager"


torch.manual_seed(0)
model = KimiForCausalLM(Config(int(sys.argv[1]) if len(sys.argv) > 1 else 2)).eval()
input_ids = torch.randint(1, 50, (2, 35))
attention_mask = torch.ones(2, 35, dtype=torch.long)
if "stop" in sys.argv:
    breakpoint()
with torch.no_grad():
    model(input_ids=input_ids, attention_mask=attention_mask)
    attention_mask[0, :30] = 0
    out = model(input_ids=input_ids, attention_mask=attention_mask)["logits"]
print("done", torch.isnan(out).any(-1).sum(-1).tolist())
