"""How long the helper takes: /usr/bin/python3 test/dap/python/bench.py [repeats]. Prints a table, fails nothing."""
import sys
import time

import torch

from support import scope

SHARE = 0.43
BUDGET = 1000


def sick(value):
    value[torch.rand(value.shape) < SHARE] = float('nan')
    return value


def frame(make):
    return {'x%d' % place: make() for place in range(20)}


def helper_time(names, repeats):
    """(best ms, worst ms, last answer) of `repeats` looks at a frame."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = scope(names, budgetMs=BUDGET)
        times.append((time.perf_counter() - start) * 1000)
    return min(times), max(times), answer


def rows():
    yield '20 x 1e6 float32, clean', '100', lambda: frame(lambda: torch.randn(1000, 1000))
    yield '20 x 1e6 float32, 43 % NaN', '250', lambda: frame(lambda: sick(torch.randn(1000, 1000)))
    yield '20 x 1e6 float32 >= 0, 43 % NaN', '250', lambda: frame(lambda: sick(torch.rand(1000, 1000).relu()))
    yield '20 x 1e6 float16, clean', '', lambda: frame(lambda: torch.randn(1000, 1000).half())
    yield '20 x 1e6 numpy float32, 43 % NaN', '', lambda: frame(lambda: sick(torch.randn(1000, 1000)).numpy())
    yield '1e8 float32, clean', str(BUDGET), lambda: {'x': torch.zeros(10 ** 8)}
    yield '1e8 float32, 43 % NaN', str(BUDGET + 50), lambda: {'x': sick(torch.zeros(10 ** 8))}
    yield '1e8 float32, transposed, NaN', str(BUDGET + 50), lambda: {'x': sick(torch.zeros(10 ** 4, 10 ** 4)).t()}
    yield '1e8 float16, 43 % NaN', str(BUDGET + 50), lambda: {'x': sick(torch.zeros(10 ** 8).half())}


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print('torch %s, %d runs each; times in ms' % (torch.__version__, repeats))
    print('%-34s %8s %8s %8s  %s' % ('', 'best', 'worst', 'target', 'elements read'))
    for name, target, make in rows():
        best, worst, answer = helper_time(make(), repeats)
        read = sum(found.get('scanned', found['elements']) for found in answer['tensors'] if 'nan' in found)
        print('%-34s %8.1f %8.1f %8s  %d of %d' % (
            name, best, worst, target, read, sum(found['elements'] for found in answer['tensors'])))


if __name__ == '__main__':
    main()
