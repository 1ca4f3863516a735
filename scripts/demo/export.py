"""Makes the models and inputs of the demo workspace from its PyTorch source.

    /usr/bin/python3 scripts/demo/export.py [FOLDER]      (default: media/demo)

Written for torch 1.13, opset 17. Weights and inputs are seeded: running it again changes nothing but what a
newer exporter names differently. It checks what it wrote: PyTorch's NaN positions are those that the demo tells.
"""

import sys
import warnings
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent / "media" / "demo"
sys.path.insert(0, str(SOURCE))
sys.dont_write_bytecode = True

from model import LOWEST_FINITE, MINUS_INFINITY, MiniKimi  # noqa: E402

SHORT, LONG = 5, 35
AXES = {0: "batch", 1: "sequence"}


def batch(side):
    """Two samples, of 5 and 35 tokens, the short one padded on `side`."""
    generator = torch.Generator().manual_seed(20)
    ids = torch.randint(1, 256, (2, LONG), generator=generator)
    mask = torch.ones(2, LONG, dtype=torch.int64)
    pads = slice(0, LONG - SHORT) if side == "left" else slice(SHORT, LONG)
    mask[0, pads] = 0
    ids[0, pads] = 0
    return ids, mask


def export(folder, name, mask_value, side, expected):
    torch.manual_seed(2)
    model = MiniKimi(mask_value).eval()
    ids, mask = batch(side)
    with torch.no_grad():
        logits = model(ids, mask)
    found = logits.isnan().any(-1).sum(-1).tolist()
    if found != expected:
        raise SystemExit(f"{name}: NaN at {found} positions, {expected} expected")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (ids, mask),
            str(folder / f"{name}.onnx"),
            opset_version=17,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": AXES, "attention_mask": AXES, "logits": AXES},
        )
    numpy.savez(folder / f"{name}.inputs.npz", input_ids=ids.numpy(), attention_mask=mask.numpy())


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    export(folder, "sick", MINUS_INFINITY, "left", [LONG, 0])
    export(folder, "healthy", LOWEST_FINITE, "left", [0, 0])
    export(folder, "right-padded", MINUS_INFINITY, "right", [0, 0])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE)
