"""NaN that begins while something else runs: `python guarded.py line|threads|processes|running|caught`."""
import os
import sys
import threading
import time

import torch


class Divide(torch.nn.Module):
    def forward(self, value):
        return value / value


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Divide()

    def forward(self, value):
        return self.inner(value)


def line():
    breakpoint()
    Model()(torch.zeros(2))


def work(name, started, go):
    started.set()
    go.wait(60)
    Model()(torch.zeros(2) if name == 'sick' else torch.ones(2))


def threads():
    started = [threading.Event() for _ in range(2)]
    go = threading.Event()
    workers = [threading.Thread(target=work, name=name, args=(name, event, go))
               for name, event in zip(('well', 'sick'), started)]
    for worker in workers:
        worker.start()
    for event in started:
        event.wait(60)
    go.set()
    for worker in workers:
        worker.join()


def processes():
    import multiprocessing
    multiprocessing.set_start_method('spawn')
    event = multiprocessing.Event()
    child = multiprocessing.Process(target=work, args=('sick', event, event))
    child.start()
    child.join(60)
    Model()(torch.ones(2))
    print('child', child.exitcode)


def running():
    """Waits until the guard is there, which the debugger is asked for while this runs."""
    print('running', flush=True)
    end = time.time() + 60
    while not torch.nn.modules.module._global_forward_hooks and time.time() < end:
        time.sleep(0.02)
    Model()(torch.zeros(2))
    while torch.nn.modules.module._global_forward_hooks and time.time() < end:
        time.sleep(0.02)


def caught():
    try:
        torch.ones(2) + torch.ones(3)
    except RuntimeError:
        Model()(torch.zeros(2))


if __name__ == '__main__':
    {'line': line, 'threads': threads, 'processes': processes, 'running': running, 'caught': caught}[sys.argv[1]]()
    print('done', os.getpid())
