"""How tensors, modules and places in them are told in an answer of the guard and the recorder."""
import time

from . import detail, health
from .entry import error_text

BUDGET = 0.5  # seconds for the figures of one tensor
CELLS = 1 << 16  # the largest table of samples and positions


def tensor(name, value):
    """Name, shape, dtype, device and counts of one tensor, or 'skipped'. Inside `health.quiet`."""
    try:
        entry = dict(health.about(value, 'torch'), name=name)
        entry.pop('requiresGrad', None)
        try:
            entry.update(health.figures(health.prepare(value, 'torch'), time.perf_counter() + BUDGET))
        except health.Skip as reason:
            entry['skipped'] = str(reason)
        return entry
    except Exception as error:  # One odd tensor must not cost the record.
        return {'name': name, 'type': health.type_name(value), 'skipped': error_text(error)}


def masks(named):
    """The 0/1 masks of (samples, positions) among (name, value) pairs, as detail.guess takes them."""
    options = {'maxItems': 8, 'depth': 1}
    names = {name: value for name, value in named if 'mask' in name.lower() and name.isidentifier()}
    return detail.masks(names, options, time.perf_counter() + BUDGET) if names else []


def mask(held):
    """{'name', 'shape', 'pad'}: for each sample the positions that a mask marks as padding."""
    lines = held.data.ops.numbers(held.data.array)
    return {'name': held.path, 'shape': list(held.shape), 'pad': [ranges(n != held.real for n in line) for line in lines]}


def positions(value, in_scope):
    """{'sample', 'position', 'why', 'nan', 'posInf', 'negInf', 'padding'}: for each sample the positions that hold any,
    as '0-29,33', and how those of NaN lie to a mask's padding; None where a tensor has no such axes."""
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
    block = data.ops.block(data.array, ()).reshape(layout.shape)
    told = {'sample': layout.sample, 'position': layout.position, 'why': layout.why}
    for kind, odd in zip(('nan', 'posInf', 'negInf'), health.odd_masks(data.ops, block)):
        others = tuple(axis for axis in range(len(layout.shape)) if axis not in (rows, columns))
        table = data.ops.sums(odd, others)
        table = [list(line) for line in zip(*table)] if rows > columns else table
        flags = [[n > 0 for n in line] for line in table]
        told[kind] = [ranges(line) for line in flags]
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


def source(module):
    """{'file', 'line', 'function'} of a module's `forward`, None where it is not written in Python."""
    code = getattr(getattr(forward_of(module), '__func__', forward_of(module)), '__code__', None)
    if code is None:
        return None
    return {'file': code.co_filename, 'line': code.co_firstlineno, 'function': code.co_name}


def forward_of(module):
    """A module's `forward` without asking its `__getattr__`."""
    own = health.own_dict(module).get('forward')
    if own is not None:
        return own
    return next((held['forward'] for held in health.class_dicts(module) if 'forward' in held), None)
