"""A guard to try on programs: arming and disarming that leaves nothing, and modules to arm it for."""
import importlib
import unittest

import torch

from support import NAME, read

guard = importlib.import_module(NAME + '.guard')
hooks = torch.nn.modules.module
NAN, INF = float('nan'), float('inf')


def status():
    return read(guard.status())


def modes_on():
    from torch.utils import _python_dispatch
    return _python_dispatch._get_current_dispatch_mode_stack()


class Masked(torch.nn.Module):
    """Attention over a left-padded batch, with the softmax written out."""

    def forward(self, scores, attention_mask=None):
        return scores.softmax(-1)


class Outer(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, value):
        return self.inner(value)


class Made(torch.nn.Module):
    """A module whose forward pass is a function of the test."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **named):
        return self.function(*args, **named)


def scores():
    """Two samples of 4 positions; the first two of sample 0 are padding, and see nothing but padding."""
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    causal = torch.full((4, 4), -INF).triu(1)
    padding = torch.zeros(2, 1, 4).masked_fill(mask[:, None] == 0, -INF)
    return torch.zeros(2, 4, 4) + causal + padding, mask


class Guarded(unittest.TestCase):
    level = 'ops'

    def arm(self, **options):
        return read(guard.arm(dict({'level': self.level, 'once': False, 'stop': False}, **options)))

    def tearDown(self):
        guard.disarm()
        self.assertFalse(hooks._global_forward_hooks)
        self.assertFalse(hooks._global_forward_pre_hooks)
        self.assertEqual(modes_on(), [])
        self.assertEqual((status()['errors'], status()['lastError'], status()['left']), (0, None, 0))

    def hits(self):
        return status()['hits']

    def only(self):
        found = self.hits()
        self.assertEqual(len(found), 1, found)
        return found[0]
