"""What each snippet does to a small attention, against every sample alone. argv: folder of snippets. Prints JSON."""
import importlib.util
import json
import math
import sys

import torch

torch.manual_seed(3)
INF = float("inf")
FEATURES, LAYERS, LONG, SHORT = 8, 3, 7, 3
WEIGHTS = [[torch.randn(FEATURES, FEATURES) / 3 for _ in range(4)] for _ in range(LAYERS)]
same = lambda *x: x[0]


def load(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), f"{sys.argv[1]}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bool_mask(attention_mask):
    length = attention_mask.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return causal[None] & attention_mask.bool()[:, None, :]


def additive(allowed):
    return torch.zeros(allowed.shape).masked_fill(~allowed, -INF)


def run(hidden, attention_mask, mask_kind="add", mask=same, before=same, softmax=None, after=same, scored=None,
        value=same):
    m = bool_mask(attention_mask)
    m = mask(m if mask_kind == "bool" else additive(m))
    softmax = softmax or (lambda scores: scores.softmax(dim=-1))
    for q, k, v, o in WEIGHTS:
        x = before(hidden, attention_mask)
        scores = (x @ q) @ (x @ k).transpose(-1, -2) / math.sqrt(FEATURES)
        if scored:
            scores = scored(scores, m)
        elif m.dtype == torch.bool:
            scores = scores.masked_fill(~m, -INF)
        else:
            scores = scores + m
        out = softmax(scores) @ value(x @ v, m) @ o
        hidden = hidden + after(out, attention_mask)
    return hidden


samples = [torch.randn(SHORT, FEATURES), torch.randn(LONG, FEATURES)]
mask = torch.tensor([[0] * (LONG - SHORT) + [1] * SHORT, [1] * LONG])
padded = torch.stack([torch.cat([torch.randn(LONG - SHORT, FEATURES), samples[0]]), samples[1]])
alone = [run(sample[None], torch.ones(1, len(sample)))[0] for sample in samples]


def figures(out, real=mask):
    found = [row[m.bool()] for row, m in zip(out, real)]
    return {
        "nan": int(out.isnan().any(-1).sum()),
        "difference": max(float((a - b).abs().max()) for a, b in zip(found, alone)),
    }


def both(name, use):
    """For masks that are added and for those that choose."""
    return {kind: figures(use(load(name), kind)) for kind in ("add", "bool")}


results = {
    "none": {kind: figures(run(padded, mask, kind)) for kind in ("add", "bool")},
    "unmask-rows": both("unmask-rows", lambda s, kind: run(padded, mask, kind, mask=s.unmask_rows)),
    "unmask-self": both("unmask-self", lambda s, kind: run(padded, mask, kind, mask=s.unmask_self)),
    "zero-masked-rows": both("zero-masked-rows", lambda s, kind: run(padded, mask, kind, softmax=s.safe_softmax)),
    "nan-to-num-softmax": both(
        "nan-to-num-softmax",
        lambda s, kind: run(padded, mask, kind, softmax=lambda x: s.clean_probabilities(x.softmax(-1))),
    ),
    "finite-mask": {"add": figures(run(padded, mask, "add", mask=load("finite-mask").finite_mask))},
    "mask-with-where": both(
        "mask-with-where",
        lambda s, kind: run(padded, mask, kind, scored=s.mask_scores, value=s.clean_values),
    ),
    "zero-pad-hidden": both("zero-pad-hidden", lambda s, kind: run(padded, mask, kind, before=s.zero_padding)),
    "zero-pad-attention-output": both(
        "zero-pad-attention-output", lambda s, kind: run(padded, mask, kind, after=s.zero_padding)
    ),
}

# NaN that stands at padding from the start must not get through mask-with-where, in keys or in values.
sick = padded.clone()
sick[0, 0] = float("nan")
s = load("mask-with-where")
results["mask-with-where"]["sick"] = figures(run(sick, mask, "add", scored=s.mask_scores, value=s.clean_values))

# Two finite masks on one score stay finite together.
m = additive(bool_mask(mask))
low = load("finite-mask").finite_mask(m, masks=2)
results["finite-mask"]["sum"] = bool((low + low).isfinite().all())
# NaN of another cause stays visible, masked rows do not.
scores = torch.tensor([[float("nan"), 0.0], [-INF, -INF]])
results["zero-masked-rows"]["visible"] = load("zero-masked-rows").safe_softmax(scores).isnan().any(-1).tolist()

s = load("fp32-attention")
big = torch.full((1, 2, 4), 300.0, dtype=torch.float16)
big[0, 1] = -300.0
plain = (big.float() @ big.float().transpose(-1, -2)).half()
found = s.float32_probabilities(big, big)
results["fp32-attention"] = {
    "overflows": bool(plain.isinf().any()),
    "nan": int(found.isnan().sum()),
    "dtype": str(found.dtype),
    "difference": float((found - torch.eye(2).half()).abs().max()),
}

s = load("stable-softmax")
x = torch.tensor([[100.0, 99.0, 1.0], [0.5, -0.5, 2.0]])
naive = x.exp() / x.exp().sum(-1, keepdim=True)
results["stable-softmax"] = {
    "before": int(naive.isnan().sum()),
    "difference": float((s.stable_softmax(x) - x.softmax(-1)).abs().max()),
}

s = load("eps")
a, b = torch.tensor([0.0, 1.0, -3.0]), torch.tensor([0.0, 4.0, -0.5])
results["eps"] = {"before": int((a / b).isnan().sum()), "ratio": (a / s.away_from_zero(b)).tolist()}

s = load("clamp")
x = torch.tensor([-1.0, 0.0, 2.0, 1000.0])
results["clamp"] = {
    "before": int(x.log().isnan().sum() + x.sqrt().isnan().sum() + x.exp().isinf().sum()),
    "after": bool(torch.stack([s.at_least_tiny(x).log(), s.at_least_tiny(x).sqrt(), s.not_too_large(x).exp()]).isfinite().all()),
    "kept": float(s.at_least_tiny(x).log()[2] - math.log(2.0)),
}

s = load("clean-weights")
layer = torch.nn.Linear(4, 4)
with torch.no_grad():
    layer.weight[1, 2] = float("nan")
kept = layer.weight[0].clone()
results["clean-weights"] = {
    "count": s.clean_weights(layer),
    "again": s.clean_weights(layer),
    "finite": bool(layer(torch.ones(1, 4)).isfinite().all()),
    "kept": bool((layer.weight[0] == kept).all()),
}

s = load("no-padding")
out = s.run_alone(lambda x, attention_mask: run(x, attention_mask), padded, mask)
results["no-padding"] = {"difference": max(float((a[0] - b).abs().max()) for a, b in zip(out, alone))}

s = load("same-length-batches")
results["same-length-batches"] = {
    "batches": s.same_length_batches([3, 7, 3, 3, 5], largest=2),
    "all": s.same_length_batches([3, 7, 3]),
}

s = load("right-padding")
ids = torch.tensor([[90, 91, 92, 93, 1, 2, 3], [4, 5, 6, 7, 8, 9, 10]])
moved_mask, moved_ids = s.to_right_padding(mask, ids)
moved = torch.stack([row[torch.sort((m == 0).long(), stable=True).indices] for row, m in zip(padded, mask)])
results["right-padding"] = {
    "mask": moved_mask.tolist(),
    "ids": moved_ids.tolist(),
    "figures": figures(run(moved, moved_mask), moved_mask),
}

s = load("position-ids-from-mask")
results["position-ids-from-mask"] = {"ids": s.position_ids_from(mask).tolist()}

s = load("zero-pad-hidden+unmask-rows")
results["zero-pad-hidden+unmask-rows"] = figures(run(padded, mask, mask=s.unmask_rows, before=s.zero_padding))
print(json.dumps({key: value for key, value in results.items()}, allow_nan=True).replace("NaN", '"NaN"').replace("Infinity", '"Infinity"'))
