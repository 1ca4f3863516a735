"""Small attention models of many shapes, exported with plain torch.onnx.export, and what PyTorch itself computes.

Usage: models.py FOLDER [CASE ...]. Writes CASE.onnx, CASE.npz and truth.json: for every hooked module the NaN
positions of what it returns (per sample), for the attention masks the rows without a visible key.
"""
import json, os, sys
import numpy as np
import torch
import torch.nn as nn

INF = float("inf")
HIDDEN, HEADS, VOCAB = 8, 2, 16


def additive(visible):
    """0 where visible, -inf elsewhere, by selection (never by multiplication)."""
    zero = torch.zeros(visible.shape)
    return zero.masked_fill(~visible, -INF)


class Attention(nn.Module):
    """One layer of attention written out, in many orders. x and memory are batch first unless `sequence_first`."""

    def __init__(self, form="4d", sequence_first=False):
        super().__init__()
        self.form, self.sequence_first = form, sequence_first
        self.q, self.k, self.v, self.o = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))

    def forward(self, x, memory, masks):
        width = HIDDEN // HEADS
        q, k, v = self.q(x), self.k(memory), self.v(memory)
        if self.sequence_first:
            s, b = q.shape[0], q.shape[1]
            t = k.shape[0]
            q = q.reshape(s, b * HEADS, width).transpose(0, 1)
            k = k.reshape(t, b * HEADS, width).transpose(0, 1)
            v = v.reshape(t, b * HEADS, width).transpose(0, 1)
            scores = torch.bmm(q, k.transpose(1, 2)) / width**0.5
            for mask in masks:
                mask = mask.expand(b, HEADS, s, t).reshape(b * HEADS, s, t)
                scores = scores + mask
            out = torch.bmm(torch.softmax(scores, -1), v)
            return self.o(out.transpose(0, 1).reshape(s, b, HIDDEN))
        b, s, t = q.shape[0], q.shape[1], k.shape[1]
        q, k, v = (z.reshape(b, -1, HEADS, width) for z in (q, k, v))
        if self.form == "4d":
            q, k, v = (z.transpose(1, 2) for z in (q, k, v))
            scores = torch.matmul(q, k.transpose(-1, -2)) / width**0.5
            for mask in masks:
                scores = mask_with(scores, mask)
            out = torch.matmul(torch.softmax(scores, -1), v).transpose(1, 2)
        elif self.form == "bmm":
            q, k, v = (z.transpose(1, 2).reshape(b * HEADS, -1, width) for z in (q, k, v))
            scores = torch.bmm(q, k.transpose(1, 2)) / width**0.5
            for mask in masks:
                scores = mask_with(scores.reshape(b, HEADS, s, t), mask).reshape(b * HEADS, s, t)
            out = torch.bmm(torch.softmax(scores, -1), v).reshape(b, HEADS, s, width).transpose(1, 2)
        elif self.form == "einsum":
            scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / width**0.5
            for mask in masks:
                scores = mask_with(scores, mask)
            out = torch.einsum("bhqk,bkhd->bqhd", torch.softmax(scores, -1), v)
        elif self.form == "einsum-kq":
            scores = torch.einsum("bkhd,bqhd->bhqk", k, q) / width**0.5
            for mask in masks:
                scores = mask_with(scores, mask)
            out = torch.einsum("bhqk,bkhd->bqhd", torch.softmax(scores, -1), v)
        elif self.form == "transposed":
            # K times Q: rows are keys, the softmax runs over axis -2.
            q, k, v = (z.transpose(1, 2) for z in (q, k, v))
            scores = torch.matmul(k, q.transpose(-1, -2)) / width**0.5
            for mask in masks:
                scores = mask_with(scores, mask.transpose(-1, -2))
            out = torch.matmul(torch.softmax(scores, -2).transpose(-1, -2), v).transpose(1, 2)
        return self.o(out.reshape(b, s, HIDDEN))


def mask_with(scores, mask):
    if mask.dtype == torch.bool:
        return scores.masked_fill(mask, -INF)
    return scores + mask


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(HIDDEN, 16), nn.Linear(16, HIDDEN)

    def forward(self, x):
        return self.down(torch.relu(self.up(x)))


class RoutedMlp(nn.Module):
    """Two experts, each given its own tokens: NonZero, gather, scatter back."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(HIDDEN, 2)
        self.experts = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN) for _ in range(2))

    def forward(self, x):
        shape = x.shape
        flat = x.reshape(-1, HIDDEN)
        # Tokens choose by a value that NaN cannot upset, so that they are routed however sick they are.
        chosen = torch.where(torch.isnan(self.router(flat)), torch.zeros(1), self.router(flat)).argmax(-1)
        out = torch.zeros_like(flat)
        for i, expert in enumerate(self.experts):
            rows = torch.nonzero(chosen == i).squeeze(-1)
            out = out.index_put((rows,), expert(flat[rows]))
        return out.reshape(shape)


class Block(nn.Module):
    def __init__(self, names, form, sequence_first, mlp, cross):
        super().__init__()
        self.names, self.has_cross = names, cross
        self.add(names["attn_norm"], nn.LayerNorm(HIDDEN))
        self.add(names["attn"], Attention(form, sequence_first))
        if cross:
            self.add(names["cross_norm"], nn.LayerNorm(HIDDEN))
            self.add(names["cross"], Attention(form, sequence_first))
        self.add(names["mlp_norm"], nn.LayerNorm(HIDDEN))
        self.add(names["mlp"], RoutedMlp() if mlp == "routed" else Mlp())

    def add(self, path, module):
        at = self
        parts = path.split(".")
        for i, part in enumerate(parts[:-1]):
            if part not in at._modules:
                at.add_module(part, Holder())
            at = at._modules[part]
        at.add_module(parts[-1], module)

    def part(self, name):
        return self.get_submodule(self.names[name])

    def forward(self, x, masks, memory=None, memory_masks=()):
        h = self.part("attn_norm")(x)
        x = x + self.part("attn")(h, h, masks)
        if self.has_cross:
            x = x + self.part("cross")(self.part("cross_norm")(x), memory, memory_masks)
        return x + self.part("mlp")(self.part("mlp_norm")(x))


class Holder(nn.Module):
    pass


LLAMA = {"attn_norm": "input_layernorm", "attn": "self_attn", "cross_norm": "encoder_attn_layer_norm",
         "cross": "encoder_attn", "mlp_norm": "post_attention_layernorm", "mlp": "mlp"}
GPT2 = {**LLAMA, "attn_norm": "ln_1", "attn": "attn", "mlp_norm": "ln_2"}
BLOCKS = {**LLAMA, "attn_norm": "norm1", "attn": "attn", "mlp_norm": "norm2"}
TORCH = {**LLAMA, "attn_norm": "norm1", "attn": "self_attn", "cross_norm": "norm2", "cross": "multihead_attn",
         "mlp_norm": "norm3", "mlp": "ffn"}


class Stack(nn.Module):
    """Embedding, blocks under `layers`, norm, head. `masks_of(inputs)` makes the masks from the raw inputs."""

    def __init__(self, masks_of, names=LLAMA, layers="layers", final="norm", emb="embed_tokens", depth=2, form="4d",
                 sequence_first=False, mlp="plain"):
        super().__init__()
        self.masks_of, self.emb_name, self.layers_name, self.final_name = masks_of, emb, layers, final
        self.add_module(emb, nn.Embedding(VOCAB, HIDDEN))
        self.add_module(layers, nn.ModuleList(Block(names, form, sequence_first, mlp, False) for _ in range(depth)))
        self.add_module(final, nn.LayerNorm(HIDDEN))
        self.lm_head = nn.Linear(HIDDEN, 5)

    def forward(self, ids, *rest):
        x = self._modules[self.emb_name](ids)
        masks = self.masks_of(ids, *rest)
        for block in self._modules[self.layers_name]:
            x = block(x, masks)
        return self.lm_head(self._modules[self.final_name](x))


class Blocks(nn.Module):
    """An encoder or a decoder: called as a module, so that the exporter writes its name into the nodes'."""

    def __init__(self, layers, depth, make):
        super().__init__()
        self.layers_name = layers
        self.add_module(layers, nn.ModuleList(make() for _ in range(depth)))

    def forward(self, x, masks, memory=None, memory_masks=()):
        for block in self._modules[self.layers_name]:
            x = block(x, masks, memory, memory_masks)
        return x


class T5Sublayer(nn.Module):
    def __init__(self, name, module):
        super().__init__()
        self.name, self.layer_norm = name, nn.LayerNorm(HIDDEN)
        self.add_module(name, module)

    def forward(self, x, memory=None, masks=()):
        h = self.layer_norm(x)
        inner = self._modules[self.name]
        return x + (inner(h) if self.name == "DenseReluDense" else inner(h, h if memory is None else memory, masks))


class T5Block(nn.Module):
    def __init__(self, cross):
        super().__init__()
        self.cross = cross
        parts = [T5Sublayer("SelfAttention", Attention())]
        if cross:
            parts.append(T5Sublayer("EncDecAttention", Attention()))
        self.layer = nn.ModuleList(parts + [T5Sublayer("DenseReluDense", Mlp())])

    def forward(self, x, masks, memory, memory_masks):
        x = self.layer[0](x, None, masks)
        if self.cross:
            x = self.layer[1](x, memory, memory_masks)
        return self.layer[-1](x)


class EncoderDecoder(nn.Module):
    def __init__(self, make=lambda cross: Block(TORCH, "4d", False, "plain", cross), layers="layers"):
        super().__init__()
        self.shared = nn.Embedding(VOCAB, HIDDEN)
        self.encoder = Blocks(layers, 1, lambda: make(False))
        self.decoder = Blocks(layers, 2, lambda: make(True))
        self.lm_head = nn.Linear(HIDDEN, 5)

    def forward(self, src, tgt, src_mask, tgt_mask):
        memory_mask = additive(src_mask[:, None, None, :].bool())
        memory = self.encoder(self.shared(src), [memory_mask])
        own = additive(causal(tgt.shape[1])[None, None] & tgt_mask[:, None, None, :].bool())
        return self.lm_head(self.decoder(self.shared(tgt), [own], memory, [memory_mask]))


def causal(n):
    return torch.ones(n, n).tril().bool()


def roles_to_mask(roles):
    return np.array([[int(c == "r") for c in row] for row in roles], dtype=np.int64)


LEFT = ["ppprr", "rrrrr"]
ids_of = lambda roles: np.array([[1 + (3 * i + 5 * j) % (VOCAB - 1) for j in range(len(r))]
                                 for i, r in enumerate(roles)], dtype=np.int64)


def full_causal(ids, mask):
    return [additive(causal(ids.shape[1])[None, None] & mask[:, None, None, :].bool())]


def case(model, inputs, roles, axes, visible, memory=None, opset=14, nameless=False, sequence_first=False):
    return dict(model=model, inputs=inputs, roles=roles, axes=axes, visible=visible, memory=memory, opset=opset,
                nameless=nameless, sequence_first=sequence_first)


def visible_causal(roles):
    n = len(roles[0])
    real = roles_to_mask(roles).astype(bool)
    return np.tril(np.ones((n, n), bool))[None] & real[:, None, :]


def plain(masks_of=full_causal, roles=LEFT, mask=None, mask_name="attention_mask", axes=None, visible=None, opset=14,
          ids=None, extra=None, nameless=False, **more):
    inputs = {"input_ids": ids_of(roles) if ids is None else ids}
    if mask is not False:
        inputs[mask_name] = roles_to_mask(roles) if mask is None else mask
    inputs.update(extra or {})
    if axes is None:
        axes = {name: {0: "batch", 1: "sequence"} for name in inputs}
    return case(Stack(masks_of, **more), inputs, roles, axes, visible_causal(roles) if visible is None else visible,
                opset=opset, nameless=nameless, sequence_first=more.get("sequence_first", False))


def cases():
    ids2 = ids_of(LEFT)
    yield "plain", plain()
    for form in ("bmm", "einsum", "einsum-kq", "transposed"):
        yield form, plain(form=form)
    # Every size equal: 2 samples, 2 positions, 2 heads.
    yield "equal_sizes", plain(roles=["pr", "rr"])
    yield "one_sample", plain(roles=["ppr"], form="bmm")
    yield "one_position", plain(roles=["p", "r"], form="bmm")
    yield "both_sides", plain(roles=["ppprr", "rrrpp", "prrrp"])
    yield "fixed", plain(axes={})
    yield "sequence_first", plain(
        masks_of=lambda ids, mask: [additive(causal(ids.shape[0])[None, None] & mask.transpose(0, 1)[:, None, None, :].bool())],
        mask=roles_to_mask(LEFT).T.copy(), ids=ids2.T.copy(), sequence_first=True,
        axes={"input_ids": {0: "sequence", 1: "batch"}, "attention_mask": {0: "sequence", 1: "batch"}})
    yield "sequence_first_batch_mask", plain(
        masks_of=lambda ids, mask: [additive(causal(ids.shape[0])[None, None] & mask[:, None, None, :].bool())],
        ids=ids2.T.copy(), sequence_first=True,
        axes={"input_ids": {0: "sequence", 1: "batch"}, "attention_mask": {0: "batch", 1: "sequence"}})
    inverted = 1 - roles_to_mask(LEFT)
    yield "inverted_m", plain(masks_of=lambda ids, m: full_causal(ids, 1 - m), mask=inverted, mask_name="m")
    yield "bool_mask", plain(
        masks_of=lambda ids, keep: [~(causal(ids.shape[1])[None, None] & keep[:, None, None, :])],
        mask=roles_to_mask(LEFT).astype(bool))
    yield "bool_pad_mask", plain(
        masks_of=lambda ids, pad: [~(causal(ids.shape[1])[None, None] & ~pad[:, None, None, :])],
        mask=inverted.astype(bool), mask_name="m")
    yield "float_mask_where", plain(
        masks_of=lambda ids, m: [torch.where(m[:, None, None, :] > 0.5, torch.tensor(0.0), torch.tensor(-INF)),
                                 additive(causal(ids.shape[1]))], mask=roles_to_mask(LEFT).astype(np.float32))
    # 0 times -inf: the mask itself is NaN at every *real* token.
    yield "float_mask_times_inf", plain(
        masks_of=lambda ids, m: [(1.0 - m[:, None, None, :]) * torch.tensor(-INF)],
        mask=roles_to_mask(LEFT).astype(np.float32))
    yield "additive_input", plain(
        masks_of=lambda ids, m: [m[:, None, None, :], additive(causal(ids.shape[1]))],
        mask=np.where(roles_to_mask(LEFT) > 0, 0, -np.inf).astype(np.float32), mask_name="attention_bias")
    four = np.where(visible_causal(LEFT), 0, -np.inf).astype(np.float32)[:, None]
    yield "mask_4d", plain(masks_of=lambda ids, m: [m], mask=four,
                           axes={"input_ids": {0: "batch", 1: "sequence"},
                                 "attention_mask": {0: "batch", 2: "query", 3: "key"}})
    keys = np.where(roles_to_mask(LEFT) > 0, 0, -np.inf).astype(np.float32)[:, None, None]
    yield "mask_4d_keys", plain(masks_of=lambda ids, m: [m, additive(causal(ids.shape[1]))], mask=keys,
                                axes={"input_ids": {0: "batch", 1: "sequence"},
                                      "attention_mask": {0: "batch", 3: "sequence"}})
    yield "mask_3d", plain(masks_of=lambda ids, m: [~m[:, None].bool()], mask=visible_causal(LEFT).astype(np.int64),
                           axes={"input_ids": {0: "batch", 1: "sequence"},
                                 "attention_mask": {0: "batch", 1: "sequence", 2: "sequence"}})
    yield "causal_input", plain(
        masks_of=lambda ids, pad, look: [additive(pad[:, None, None, :].bool()), look],
        extra={"causal_mask": np.where(np.tril(np.ones((5, 5))) > 0, 0, -np.inf).astype(np.float32)},
        axes={"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"},
              "causal_mask": {0: "sequence", 1: "sequence"}})
    yield "causal_input_fixed", plain(
        masks_of=lambda ids, pad, look: [additive(pad[:, None, None, :].bool()), look],
        extra={"causal_mask": np.where(np.tril(np.ones((5, 5))) > 0, 0, -np.inf).astype(np.float32)}, axes={})
    for pad_id in (0, 1, 7):
        padded = np.where(roles_to_mask(LEFT) > 0, np.where(ids2 == pad_id, 9, ids2), pad_id)
        yield f"pad_id_{pad_id}", plain(
            masks_of=lambda ids, pad_id=pad_id: full_causal(ids, ids != pad_id), mask=False, ids=padded)
    yield "two_masks", plain(
        masks_of=lambda ids, m: [additive(causal(ids.shape[1])), additive(m[:, None, None, :].bool())])
    # The same padding said twice, once the other way round.
    yield "two_mask_inputs", plain(
        masks_of=lambda ids, m, pad: full_causal(ids, m) + [pad[:, None, None, :]],
        extra={"key_padding_mask": inverted.astype(bool)})
    yield "bidirectional", plain(
        masks_of=lambda ids, m: [additive(m[:, None, None, :].bool())], roles=["ppppp", "rrrrr"],
        visible=np.broadcast_to(roles_to_mask(["ppppp", "rrrrr"]).astype(bool)[:, None, :], (2, 5, 5)))
    yield "routed", plain(mlp="routed")
    yield "gpt2", plain(names=GPT2, layers="h", final="ln_f", emb="wte")
    yield "blocks", plain(names=BLOCKS, layers="blocks")
    yield "nameless", plain(nameless=True)
    target, memory = ["pprr", "rrrr"], ["rrrrr", "ppppp"]
    both = {"src": ids_of(memory), "tgt": ids_of(target), "src_mask": roles_to_mask(memory),
            "tgt_mask": roles_to_mask(target)}
    sides = {name: {0: "batch", 1: name[:3] + "_len"} for name in both}
    yield "encoder_decoder", case(EncoderDecoder(), both, target, sides, visible_causal(target), memory)
    yield "t5", case(EncoderDecoder(T5Block, "block"), both, target, sides, visible_causal(target), memory)
    silent = dict(zip(["a", "b", "c", "d"], both.values()))
    yield "encoder_decoder_silent_names", case(
        EncoderDecoder(), silent, target,
        {name: {0: "batch", 1: axis} for name, axis in zip("abcd", ("s", "t", "s", "t"))}, visible_causal(target), memory)


def nan_positions(tensor, sequence_first):
    if sequence_first:
        tensor = tensor.transpose(0, 1)
    return [np.flatnonzero(torch.isnan(row).flatten(1).any(1).numpy()).tolist() for row in tensor]


def forget_names(path, kept):
    """Takes the names of nodes and values away, as optimisers do: they hold module paths."""
    import onnx

    proto = onnx.load(path)
    new = {}
    rename = lambda value: value if value in kept or value == "" else new.setdefault(value, f"t{len(new)}")
    for tensor in proto.graph.initializer:
        tensor.name = rename(tensor.name)
    for node in proto.graph.node:
        node.name = ""
        node.input[:] = [rename(value) for value in node.input]
        node.output[:] = [rename(value) for value in node.output]
    del proto.graph.value_info[:]
    onnx.save(proto, path)


def export(name, spec, folder):
    torch.manual_seed(7)
    model, inputs = spec["model"].eval(), spec["inputs"]
    tensors = tuple(torch.from_numpy(value) for value in inputs.values())
    path = os.path.join(folder, name + ".onnx")
    torch.onnx.export(model, tensors, path, input_names=list(inputs), output_names=["logits"],
                      dynamic_axes={**spec["axes"], **({"logits": {}} if spec["axes"] else {})},
                      opset_version=spec["opset"], do_constant_folding=False)
    if spec["nameless"]:
        forget_names(path, set(inputs) | {"logits"})
    np.savez(os.path.join(folder, name + ".npz"), **inputs)
    seen = {}

    def look(label):
        def hook(_module, _inputs, out):
            # An expert sees a list of tokens, not positions.
            if out.dim() == 3:
                seen[label] = nan_positions(out, spec["sequence_first"])
        return hook

    hooks = [module.register_forward_hook(look(label))
        for label, module in model.named_modules() if label and not isinstance(module, (Holder, nn.ModuleList))]
    with torch.no_grad():
        out = model(*tensors)
    for hook in hooks:
        hook.remove()
    empty = [[int(q) for q in np.flatnonzero(~sample.any(-1))] for sample in spec["visible"]]
    return {"modules": seen, "logits": nan_positions(out, spec["sequence_first"]), "emptyRows": empty,
            "roles": spec["roles"], "memory": spec["memory"]}


def main():
    folder, wanted = sys.argv[1], set(sys.argv[2:])
    truth = {}
    for name, spec in cases():
        if wanted and name not in wanted:
            continue
        truth[name] = export(name, spec, folder)
    with open(os.path.join(folder, "truth.json"), "w") as file:
        json.dump(truth, file)


main()
