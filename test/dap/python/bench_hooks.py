"""What watching costs a model: /usr/bin/python3 test/dap/python/bench_hooks.py [pairs]. Prints ratios, fails nothing.

A decoder of 12 layers, hidden 512, 4 x 128 tokens; forward passes with and without, in turn, medians of their ratios.
The ratios depend on how fast the matrix products are: Debian's reference BLAS takes fifty times as long as OpenBLAS,
and watching costs nothing beside it. So the library that is loaded is printed, with the seconds of a plain pass.
"""
import importlib
import os
import statistics
import sys
import tempfile
import time

import torch

from support import NAME

guard = importlib.import_module(NAME + '.guard')
record = importlib.import_module(NAME + '.record')


class Layer(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = torch.nn.ModuleList([torch.nn.LayerNorm(width) for _ in range(2)])
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, hidden, mask):
        samples, positions, width = hidden.shape
        parts = self.qkv(self.norms[0](hidden)).view(samples, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        probs = (parts[0] @ parts[1].transpose(-1, -2) + mask).softmax(-1)
        hidden = hidden + self.out((probs @ parts[2]).transpose(1, 2).reshape(samples, positions, width))
        return hidden + self.down(torch.nn.functional.gelu(self.up(self.norms[1](hidden))))


class Model(torch.nn.Module):
    def __init__(self, layers=12, width=512, heads=8):
        super().__init__()
        self.layers = torch.nn.ModuleList([Layer(width, heads) for _ in range(layers)])

    def forward(self, hidden):
        mask = torch.full((hidden.shape[1],) * 2, float('-inf')).triu(1)
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return hidden


def timed(model, value):
    start = time.perf_counter()
    with torch.no_grad():
        model(value)
    return time.perf_counter() - start


def ratio(model, value, pairs, start, stop):
    """Median ratio; each pair is a plain and a watched pass, one after the other."""
    ratios = []
    for _ in range(pairs):
        plain = timed(model, value)
        start()
        ratios.append(timed(model, value) / plain)
        stop()
    return statistics.median(ratios)


def blas():
    """The file that the matrix products come from; 'inside torch' where it is none of its own."""
    try:
        with open('/proc/self/maps') as maps:
            files = {line.split()[-1] for line in maps if 'blas' in line.rsplit('/', 1)[-1]}
    except OSError:
        return 'not known here'
    return ', '.join(sorted(map(os.path.basename, files))) or 'inside torch'


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    torch.manual_seed(0)
    model, value = Model().eval(), torch.randn(4, 128, 512)
    for _ in range(3):
        timed(model, value)
    print('torch %s, %d threads, BLAS: %s, %.2f s a pass, %d pairs; watched / plain' % (
        torch.__version__, torch.get_num_threads(), blas(), timed(model, value), pairs))
    for level in ('modules', 'ops'):
        print('%-28s %6.3f' % ('break on first NaN, ' + level, ratio(
            model, value, pairs, lambda: guard.arm({'level': level}), guard.disarm)))
    with tempfile.TemporaryDirectory() as folder:
        names = iter(range(10 ** 6))
        for functions in (False, True):
            print('%-28s %6.3f' % ('record' + (', with softmax' if functions else ''), ratio(
                model, value, pairs, lambda: record.start(
                    {'file': os.path.join(folder, str(next(names))), 'functions': functions}), record.stop)))


if __name__ == '__main__':
    main()
