"""Whether tensors hold NaN, as fast as a running program can bear, and which tensors a call was given."""
import math
import sys
import weakref

from . import health, reach

DEPTH = 4  # containers in containers
MOST = 64  # tensors of one call
REMEMBERED = 64


def tensors(named, of_numbers=True):
    """Found of the torch tensors in (path, value) pairs and containers among them; `of_numbers`: that can hold NaN."""
    torch = health.module('torch')
    found = [item for item in reach.tensors(named, DEPTH, MOST) if health.is_a(item.value, torch.Tensor)]
    return list(filter(can_hold_nan, found)) if of_numbers else found


def can_hold_nan(found):
    dtype = health.module('torch').Tensor.dtype.__get__(found.value)
    return dtype.is_floating_point or dtype.is_complex


def holds_nan(values):
    """For each tensor whether it holds NaN; False where it has no values or cannot be read. Inside `health.quiet`."""
    read = [_sum(value) for value in values]
    totals = _fetched([total for _, total in read if total is not None])
    return [total is not None and totals.pop(0) and _exactly(data) for data, total in read]


def _sum(value):
    """(Prepared data, its sum as a tensor or None): any NaN makes the sum NaN."""
    try:
        data = health.prepare(value, 'torch')
    except health.Skip:
        return None, None
    if not data.array.numel():
        return None, None
    block = data.ops.block(data.array, ())
    torch = data.ops.torch
    half = block.dtype in (torch.float16, torch.bfloat16)
    total = block.sum(dtype=torch.float32 if half else None)
    return data, total.real + total.imag if data.ops.kind == 'complex' else total


def _fetched(totals):
    """Whether each sum is NaN; those on a device come in one transfer."""
    if len(totals) > 1 and all(total.device.type != 'cpu' for total in totals):
        torch = health.module('torch')
        if len({total.device for total in totals}) == 1:
            return torch.stack([torch.isnan(total) for total in totals]).tolist()
    return [math.isnan(total.item()) for total in totals]


def _exactly(data):
    """+Inf and -Inf make a sum NaN as well."""
    for index in health.blocks(data.array.shape, data.ops.chunk):
        if bool(data.ops.nan(data.ops.block(data.array, index)).any()):
            return True
    return False


class Clean:
    """Tensors that were found without NaN and have not been written to since: what one call gives, the next is given."""

    def __init__(self):
        self._known = {}

    def remember(self, value):
        version = version_of(value)
        if version is None:
            return
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[id(value)] = (weakref.ref(value), version)

    def __contains__(self, value):
        ref, version = self._known.get(id(value), (None, None))
        return ref is not None and ref() is value and version == version_of(value)

    def sick(self, found, known=True):
        """Those of Found that hold NaN; the others are remembered. `known`: what is remembered is not asked again."""
        asked = [item for item in found if not known or item.value not in self]
        answers = holds_nan([item.value for item in asked])
        for item, sick in zip(asked, answers):
            if not sick:
                self.remember(item.value)
        return [item for item, sick in zip(asked, answers) if sick]


def version_of(value):
    """What counts the writes into a tensor; None where nothing counts them (inference mode)."""
    torch = health.module('torch')
    asked = getattr(torch.Tensor, 'is_inference', None)
    if asked is None or asked(value):
        return None
    try:
        return torch.Tensor._version.__get__(value)
    except RuntimeError:
        return None


def call_arguments(frame, args, function):
    """(name, value) pairs of a module's call: torch gives hooks no keyword arguments, its own frame has them."""
    code = getattr(function, '__code__', None)
    names = code.co_varnames[1:code.co_argcount] if code is not None else ()
    pairs = [(names[at] if at < len(names) else 'args[%d]' % at, value) for at, value in enumerate(args)]
    for _ in range(3):  # Newer versions of torch call the hooks from a function inside `_call_impl`.
        if frame is None or frame.f_code.co_name not in ('inner', '_call_impl', '__call__'):
            break
        held = frame.f_locals.get('kwargs')
        if type(held) is dict:
            return pairs + [(name, value) for name, value in held.items() if type(name) is str]
        frame = frame.f_back
    return pairs


def compiling():
    """Whether torch.compile is looking at this code instead of running it."""
    dynamo = sys.modules.get('torch._dynamo')
    asked = getattr(getattr(dynamo, 'external_utils', None), 'is_compiling', None)
    return bool(asked()) if asked is not None else False
