"""Whether tensors hold NaN, as fast as a running program can bear, and which tensors a call was given."""
import math
import weakref

from . import health, reach

DEPTH = 4  # containers in containers
MOST = 4096  # tensors of one call
REMEMBERED = 4096  # Among them the weights of a model, which every pass is given again.


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


def weakly(found):
    """Found whose value is a weak reference: the frame that calls keeps it alive, and nothing of ours does longer."""
    return [item._replace(value=weakref.ref(item.value)) for item in found]


def alive(found):
    held = [item._replace(value=item.value()) for item in found]
    return [item for item in held if item.value is not None]


class Remembered:
    """What is known of tensors, as long as they live and are not written to."""

    def __init__(self):
        self._known = {}

    def put(self, value, knowledge):
        version = version_of(value)
        if version is None:
            return
        if len(self._known) >= REMEMBERED:
            self._known = {key: held for key, held in self._known.items() if held[0]() is not None}
            if len(self._known) >= REMEMBERED:
                self._known.clear()
        self._known[id(value)] = weakref.ref(value), version, knowledge

    def get(self, value):
        """None where nothing is known, or not any more."""
        ref, version, knowledge = self._known.get(id(value), (None, None, None))
        return knowledge if ref is not None and ref() is value and version == version_of(value) else None


class Clean(Remembered):
    """Tensors that were found without NaN: what one call gives, the next is given."""

    def remember(self, value):
        self.put(value, True)

    def __contains__(self, value):
        return self.get(value) is not None

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


def call_arguments(frame, args, names):
    """(name, value) pairs of a module's call: torch gives hooks no keyword arguments, its own frame has them.

    names: what the module's `forward` calls its positional arguments.
    """
    pairs = [(names[at] if at < len(names) else 'args[%d]' % at, value) for at, value in enumerate(args)]
    for _ in range(3):  # Newer versions of torch call the hooks from a function inside `_call_impl`.
        if frame is None or frame.f_code.co_name not in ('inner', '_call_impl', '__call__'):
            break
        held = frame.f_locals.get('kwargs')
        if type(held) is dict:
            return pairs + [(name, value) for name, value in held.items() if type(name) is str]
        frame = frame.f_back
    return pairs


def storage_of(value):
    """What a tensor's memory is known by, None where it has none that is read. Inside `health.quiet`."""
    try:
        plain = health.prepare(value, 'torch').array
    except health.Skip:
        return None
    read = getattr(type(plain), 'untyped_storage', None)
    return str(plain.device), (read(plain) if read is not None else plain.storage()).data_ptr()


def copied(value, largest):
    """The values of a tensor on their own; None where it has more than `largest`, or they are not read as they are."""
    try:
        data = health.prepare(value, 'torch')
    except health.Skip:
        return None
    return data.array.clone() if data.note is None and data.array.numel() <= largest else None


def compiling():
    """Torch's own function that tells whether torch.compile is looking at this code instead of running it."""
    for home, name in (('torch.compiler', 'is_compiling'), ('torch._dynamo.external_utils', 'is_compiling')):
        asked = getattr(health.module(home), name, None)
        if asked is not None:
            return asked
    return lambda: False
