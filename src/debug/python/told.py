"""How tensors, modules and places in them are told in an answer of the guard and the recorder."""
import time
import types

from . import detail, health
from .entry import error_text

BUDGET = 0.5  # seconds for the figures of one tensor
CELLS = 1 << 16  # the largest table of samples and positions
NAME = 500  # characters
SENTENCE = 2000
RANGES = 20000  # characters of one sample's positions; beyond that they are left out


def cut(words, longest=NAME):
    """A text of the program's, of a bounded length; None stays."""
    return words if words is None or len(words) <= longest else words[:longest - 3] + '...'


def tensor(name, value):
    """Name, shape, dtype, device and counts of one tensor, or 'skipped'. Inside `health.quiet`."""
    try:
        entry = dict(health.about(value, 'torch'), name=cut(name))
        entry.pop('requiresGrad', None)
        try:
            entry.update(health.figures(health.prepare(value, 'torch'), time.perf_counter() + BUDGET))
        except health.Skip as reason:
            entry['skipped'] = str(reason)
    except Exception as error:  # One odd tensor must not cost the record.
        entry = {'name': cut(name), 'skipped': error_text(error)}
    return dict(entry, type=cut(health.type_name(value)))


def masks(named):
    """The 0/1 masks of (samples, positions) among (name, value) pairs, as detail.guess takes them.

    Where one is named for padding, the others are left out: they may say which position sees which.
    """
    options = {'maxItems': 8, 'depth': 1}
    names = {name: value for name, value in named if 'mask' in name.lower() and name.isidentifier()}
    found = detail.masks(names, options, time.perf_counter() + BUDGET) if names else []
    return [held for held in found if held.path.endswith(('padding_mask', 'attention_mask'))] or found


def mask(held):
    """{'name', 'shape', 'pad'}: for each sample the positions that a mask marks as padding; None where that is too
    long to be told."""
    lines = held.data.ops.numbers(held.data.array)
    pad = [ranges(n != held.real for n in line) for line in lines]
    if any(len(line) > RANGES for line in pad):
        return None
    return {'name': cut(held.path), 'shape': list(held.shape), 'pad': pad}


def positions(value, in_scope, finite=False):
    """{'sample', 'position', 'why', 'nan', 'posInf', 'negInf', 'padding'}: for each sample the positions that hold any,
    as '0-29,33', and how those of NaN lie to a mask's padding; None where a tensor has no such axes.

    finite: it is known that there are none, so that the tensor need not be read again.
    """
    try:
        data = health.prepare(value, 'torch')
    except health.Skip:
        return None
    shape = tuple(data.array.shape)
    if shape != tuple(health.about(value, 'torch')['shape']):
        return None
    layout = detail.guess(shape, in_scope)
    rows, columns = layout.rows, layout.columns
    if rows is None or rows == columns or layout.shape[rows] * layout.shape[columns] > CELLS:
        return None
    told = {'sample': layout.sample, 'position': layout.position, 'why': cut(layout.why, SENTENCE)}
    if finite:
        clean = [''] * layout.shape[rows]
        return dict(told, nan=clean, posInf=clean, negInf=clean, padding=None)
    block = data.ops.block(data.array, ()).reshape(layout.shape)
    for kind, odd in zip(('nan', 'posInf', 'negInf'), health.odd_masks(data.ops, block)):
        others = tuple(axis for axis in range(len(layout.shape)) if axis not in (rows, columns))
        table = data.ops.sums(odd, others)
        table = [list(line) for line in zip(*table)] if rows > columns else table
        flags = [[n > 0 for n in line] for line in table]
        told[kind] = [ranges(line) for line in flags]
        if any(len(line) > RANGES for line in told[kind]):
            return None
        if kind == 'nan':
            told['padding'] = _against_padding(flags, layout.mask)
    return told


def _against_padding(flags, held):
    """'exactly', 'inside' or 'beyond' the padding of a mask; None without a mask, padding or NaN."""
    if held is None:
        return None
    pad = [[n != held.real for n in line] for line in held.data.ops.numbers(held.data.array)]
    if not any(map(any, flags)) or not any(map(any, pad)):
        return None
    if flags == pad:
        return 'exactly'
    inside = all(is_pad for line in zip(flags, pad) for is_nan, is_pad in zip(*line) if is_nan)
    return 'inside' if inside else 'beyond'


def ranges(flags):
    """'0-29,33' of flags that are True at 0 to 29 and 33; '' where none is."""
    parts, start, end = [], None, -1
    for at, flag in enumerate(flags):
        if flag and start is None:
            start = at
        if not flag and start is not None:
            parts.append((start, at - 1))
            start = None
        end = at
    if start is not None:
        parts.append((start, end))
    return ','.join(str(a) if a == b else '%d-%d' % (a, b) for a, b in parts)


# --- modules ----------------------------------------------------------------------------------------------------------


def source(module):
    """{'file', 'line', 'function'} of a module's `forward`, None where it is not written in Python."""
    code = _forward(module)[0]
    if code is None:
        return None
    return {'file': cut(code.co_filename), 'line': code.co_firstlineno, 'function': cut(code.co_name)}


def argument_names(module):
    """What a module's `forward` calls its positional arguments."""
    code, with_module = _forward(module)
    return code.co_varnames[1 if with_module else 0:code.co_argcount] if code is not None else ()


def _forward(module):
    """(code of a module's `forward` or None, whether it takes the module first), without asking its `__getattr__`:
    that of the class, or what was set on the module itself, and through what decorators have put around it."""
    own = health.own_dict(module).get('forward')
    function = own if own is not None else next(
        (held['forward'] for held in health.class_dicts(module) if 'forward' in held), None)
    with_module = own is None
    for _ in range(8):
        if type(function) is types.MethodType:
            function, with_module = function.__func__, True
        inner = health.own_dict(function).get('__wrapped__')
        if inner is None:
            break
        function = inner
    return (function.__code__, with_module) if type(function) is types.FunctionType else (None, with_module)
