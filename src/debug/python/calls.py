"""Which modules a thread is inside of, outermost first."""
import weakref
from collections import namedtuple

from . import health

Call = namedtuple('Call', 'ref frame depth code data')
Call.__doc__ = """A module being called: a weak reference to it; id, depth and code of torch's frame that calls it; what
its owner keeps. Nothing here keeps a model or its inputs alive."""


class Calls:
    """The stack of one thread. An exception leaves no trace in torch's hooks, so what is gone is found by frames."""

    def __init__(self):
        self._stack = []

    def enter(self, module, frame, data):
        """A call has begun in torch's `frame`. What was in that frame before is gone."""
        depth = self._prune(frame.f_back)
        self._stack.append(Call(weakref.ref(module), id(frame), depth + 1, frame.f_code, data))

    def leave(self, module, frame):
        """The Call of `module` in torch's `frame`, taken off with all that were left inside of it; None where it did
        not begin here."""
        for at in range(len(self._stack) - 1, -1, -1):
            call = self._stack[at]
            if call.frame == id(frame) and call.ref() is module:
                del self._stack[at:]
                return call
        return None

    def at(self, frame):
        """The calls that `frame` is inside of, outermost first; those that an exception has left are taken off."""
        self._prune(frame)
        return tuple(self._stack)

    def _prune(self, frame):
        """Takes off what is not around `frame`, and gives the frame's depth."""
        alive, depth = {}, 0
        while frame is not None:
            alive[id(frame)] = depth, frame.f_code
            frame, depth = frame.f_back, depth + 1
        for at, call in enumerate(self._stack):
            held, code = alive.get(call.frame, (None, None))
            # The place in memory of a frame that is gone may be another one's by now.
            if held is None or depth - held != call.depth or code is not call.code:
                del self._stack[at:]
                break
        return depth

    def __len__(self):
        return len(self._stack)

    def root(self):
        """The outermost module, None outside of all."""
        return self._stack[0].ref() if self._stack else None


def path_of(module, root):
    """The qualified name of `module` in `root`: '' for the root itself, None where it is not inside."""
    if root is None or module is root:
        return '' if root is not None else None
    torch = health.module('torch')
    for name, held in torch.nn.Module.named_modules(root):
        if held is module:
            return name
    return None
