"""Which modules a thread is inside of, outermost first."""
from collections import namedtuple

from . import health

Call = namedtuple('Call', 'module frame depth data')
Call.__doc__ = """A module being called: itself, the id and depth of torch's frame that calls it, what its owner keeps."""


class Calls:
    """The stack of one thread. An exception leaves no trace in torch's hooks, so what is gone is found by frames."""

    def __init__(self):
        self._stack = []

    def enter(self, module, frame, data):
        """Returns the calls that were left by an exception, outermost first."""
        alive, depth, outer = set(), 0, frame
        while outer is not None:
            outer, depth = outer.f_back, depth + 1
            if outer is not None:
                alive.add(id(outer))
        gone = [call for call in self._stack if call.frame not in alive or call.depth >= depth]
        if gone:
            first = self._stack.index(gone[0])
            gone, self._stack = self._stack[first:], self._stack[:first]
        self._stack.append(Call(module, id(frame), depth, data))
        return gone

    def leave(self, module):
        """The Call of `module`, taken off with all that were left inside of it; None where it did not begin here."""
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at].module is module:
                call = self._stack[at]
                del self._stack[at:]
                return call
        return None

    def __len__(self):
        return len(self._stack)

    def all(self):
        return tuple(self._stack)

    def root(self):
        return self._stack[0].module if self._stack else None

    def inner(self):
        return self._stack[-1].module if self._stack else None


def path_of(module, root):
    """The qualified name of `module` in `root`: '' for the root itself, None where it is not inside."""
    if root is None or module is root:
        return '' if root is not None else None
    torch = health.module('torch')
    for name, held in torch.nn.Module.named_modules(root):
        if held is module:
            return name
    return None
