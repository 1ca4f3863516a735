"""One tensor close up: which axes are samples and positions, counts per (sample, position), histogram, a corner.

Which axis is what cannot be read from a tensor. It is guessed from the rank and, where the frame has a 0/1 mask of
(samples, positions), checked against that; every answer says in `why` what it rests on.
"""
import math
import time
from collections import namedtuple

from . import health, reach

CORNER = 8  # rows and columns of `values`
LARGEST_MASK = 1 << 20  # elements
LARGEST_SQUARE = 256  # samples of a square mask; beyond that it says which position sees which

Mask = namedtuple('Mask', 'path shape data real')
Mask.__doc__ = """A 2-D 0/1 mask in scope: expression, (samples, positions), Prepared data, the number that is real."""

Layout = namedtuple('Layout', 'sample position why shape rows columns mask')
Layout.__doc__ = """Axes of the tensor as told; `shape` splits them so that `rows` and `columns` are axes of it."""


def add(entry, data, name, names, options, deadline):
    """Adds axes, counts, perCell, roles, histogram and values of one tensor to its entry, which has its figures.

    `data` is Prepared. A part for which time does not last is None; histogram then has 'scanned'.
    """
    entry['values'] = corner(data, options['index'])
    shape = tuple(data.array.shape)
    layout = guess(shape, masks(names, options, deadline)) if list(shape) == entry['shape'] else _other_shape(shape)
    entry['axes'] = {'sample': layout.sample, 'position': layout.position, 'why': layout.why}
    entry['counts'] = entry['roles'] = entry['perCell'] = None
    cells = _cells(layout)
    if cells and cells <= options['cells']:
        entry['perCell'] = math.prod(shape) // cells
        entry['roles'] = _roles(layout)
        entry['counts'] = None if data.mask is not None else counts(entry, data, layout, deadline)
    entry['histogram'] = histogram(entry, data, options['bins'], deadline)


# --- axes -------------------------------------------------------------------------------------------------------------


def guess(shape, in_scope):
    """The Layout of a tensor of `shape` (tuple), given the masks in scope in the order of the frame."""
    for fit in (_same_axes, _swapped, _flattened, _heads_in_samples):
        for mask in in_scope:
            layout = fit(shape, mask)
            if layout is not None:
                return layout
    return _by_rank(shape)


def _same_axes(shape, mask):
    """(samples, positions), (samples, positions, d), (samples, heads, positions, d), (samples, positions, heads, d)."""
    for rows, columns in {2: [(0, 1)], 3: [(0, 1)], 4: [(0, 2), (0, 1)]}.get(len(shape), ()):
        if (shape[rows], shape[columns]) == mask.shape:
            why = 'Axes %d and %d have the lengths of %s.' % (rows, columns, mask.path)
            return Layout(rows, columns, why, shape, rows, columns, mask)
    return None


def _swapped(shape, mask):
    if len(shape) != 3 or (shape[1], shape[0]) != mask.shape:
        return None
    return Layout(1, 0, 'Positions come first: axes 1 and 0 have the lengths of %s.' % mask.path, shape, 1, 0, mask)


def _flattened(shape, mask):
    samples, positions = mask.shape
    if len(shape) != 2 or shape[0] != samples * positions or shape[0] == 0:
        return None
    why = 'Axis 0 holds samples times positions, as long as all of %s.' % mask.path
    return Layout(0, 0, why, (samples, positions, shape[1]), 0, 1, mask)


def _heads_in_samples(shape, mask):
    samples, positions = mask.shape
    if len(shape) != 3 or shape[1] != positions or samples == 0 or shape[0] == 0 or shape[0] % samples:
        return None
    why = 'Axis 0 holds samples times heads: %s has %d samples and the positions of axis 1.' % (mask.path, samples)
    return Layout(0, 1, why, (samples, shape[0] // samples) + shape[1:], 0, 2, mask)


def _by_rank(shape):
    rank = len(shape)
    if rank not in (2, 3, 4):
        why = 'A tensor of %d %s has no usual axes for samples and positions.' % (rank, 'axis' if rank == 1 else 'axes')
        return Layout(None, None, why, shape, None, None, None)
    columns = 2 if rank == 4 else 1
    why = 'By its %d axes alone: no mask in scope agrees.' % rank
    return Layout(0, columns, why, shape, 0, columns, None)


def _other_shape(shape):
    """The Layout of data that is kept in another shape than its tensor's: sparse values, a distributed part."""
    return Layout(None, None, 'What is held here has another shape than the tensor.', shape, None, None, None)


def _cells(layout):
    return 0 if layout.rows is None else layout.shape[layout.rows] * layout.shape[layout.columns]


# --- masks ------------------------------------------------------------------------------------------------------------


def masks(names, options, deadline):
    """The Masks that a frame can reach, in its order: 2-D, all 0 and 1, the last part of the path like *mask*."""
    found, _ = reach.find(names, options, deadline)
    made = (_mask(item) for item in found if item.path is not None and 'mask' in _last_name(item.path))
    return [mask for mask in made if mask is not None]


def _last_name(path):
    return path.replace("']", '').replace('"', '').replace("['", '.').split('.')[-1].lower()


def _mask(item):
    library = health.library_of(item.value)
    try:
        shape = health.about(item.value, library)['shape']
        if len(shape) != 2 or not 0 < math.prod(shape) <= LARGEST_MASK or min(shape) < 0:
            return None
        data = health.prepare(item.value, library)
    except (health.Skip, RuntimeError, TypeError, ValueError):
        return None  # A mask that cannot be read is no help; it says why in its own entry.
    if list(data.array.shape) != shape or not _is_binary(data) or _is_causal(data):
        return None
    return Mask(item.path, tuple(shape), data, _real_number(item.path, data))


def _is_binary(data):
    if data.ops.kind not in ('bool', 'int', 'float') or data.mask is not None:
        return False
    block = data.ops.block(data.array, ())
    return data.ops.kind == 'bool' or bool((data.ops.equal(block, 0) | data.ops.equal(block, 1)).all())


def _is_causal(data):
    """Whether a square mask is a triangle: which position sees which, not which position is padding."""
    rows, columns = data.array.shape
    if rows != columns or rows == 1:
        return False
    if rows > LARGEST_SQUARE:
        return True
    lines = [[int(n) for n in line] for line in data.ops.numbers(data.array)]
    lower = [[int(column <= row) for column in range(columns)] for row in range(rows)]
    return lines in (lower, [line[::-1] for line in lower[::-1]], _inverse(lower))


def _inverse(lines):
    return [[1 - n for n in line] for line in lines]


def _real_number(path, data):
    """1, but 0 for a bool `..._padding_mask`: torch's attention layers take True there for padding."""
    return 0 if data.ops.kind == 'bool' and _last_name(path).endswith('padding_mask') else 1


def _roles(layout):
    """{'from', 'rows'}: for each sample a string of 'r' (real) and 'p' (padding), or None where no mask agrees."""
    mask = layout.mask
    if mask is None:
        return None
    lines = mask.data.ops.numbers(mask.data.array)
    return {'from': mask.path, 'rows': [''.join('r' if n == mask.real else 'p' for n in line) for line in lines]}


# --- tables -----------------------------------------------------------------------------------------------------------


def counts(entry, data, layout, deadline):
    """{'nan', 'posInf', 'negInf'}: each [samples][positions] of ints; None where time does not last."""
    rows, columns = layout.shape[layout.rows], layout.shape[layout.columns]
    tables = {kind: [[0] * columns for _ in range(rows)] for kind in ('nan', 'posInf', 'negInf')}
    clean = 'scanned' not in entry and not any(entry[kind] for kind in tables)
    if clean or data.ops.kind not in ('float', 'complex'):
        return tables
    array = data.array.reshape(layout.shape)  # Splitting an axis, which is a view.
    for index in health.blocks(layout.shape, data.ops.chunk):
        if time.perf_counter() > deadline:
            return None
        block = data.ops.block(array, index)
        for table, mask in zip(tables.values(), health.odd_masks(data.ops, block)):
            _add_counts(table, data.ops, mask, layout, index)
    return tables


def _add_counts(table, ops, mask, layout, index):
    others = tuple(axis for axis in range(len(layout.shape)) if axis not in (layout.rows, layout.columns))
    part = ops.sums(mask, others)
    if layout.rows > layout.columns:
        part = [list(line) for line in zip(*part)]
    top, left = index[layout.rows].start, index[layout.columns].start
    for line, found in enumerate(part):
        for column, number in enumerate(found):
            table[top + line][left + column] += number


# --- histogram --------------------------------------------------------------------------------------------------------


def histogram(entry, data, bins, deadline):
    """{'edges': bins + 1 numbers, 'counts': bins ints} of the finite values; None where there is none.

    'scanned' is there when time did not last for all elements.
    """
    low, high = entry['min'], entry['max']
    if low is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    # A range wider than the largest number is counted at a quarter of its size.
    scale = 1.0 if math.isfinite(float(high) - float(low)) else 0.25
    low, high = _widened(low * scale, high * scale)
    totals, seen = [0] * bins, 0
    for index in health.blocks(data.array.shape, data.ops.chunk):
        if time.perf_counter() > deadline:
            break
        values = _finite_values(data, index)
        seen += math.prod(part.stop - part.start for part in index)
        values = values if scale == 1.0 else values * scale
        totals = [a + b for a, b in zip(totals, data.ops.histogram(values, low, high, bins))]
    return _histogram(totals, low, high, scale, seen, math.prod(data.array.shape))


def _histogram(totals, low, high, scale, seen, size):
    if not seen:
        return None
    bins = len(totals)
    edges = [(low + (high / bins - low / bins) * place) / scale for place in range(bins)] + [high / scale]
    answer = {'edges': edges, 'counts': totals}
    return answer if seen == size else dict(answer, scanned=seen)


def _widened(low, high):
    """A range of some width as floats: histograms of one value need it."""
    low, high = float(low), float(high)
    if low < high:
        return low, high
    pad = 0.5 if abs(low) < 1e6 else abs(low) * 1e-3
    return low - pad, high + pad


def _finite_values(data, index):
    block = data.ops.block(data.array, index)
    if data.mask is not None:
        block = data.ops.chosen(block, ~(data.mask[index] if index else data.mask))
    return data.ops.finite(block)


# --- values -----------------------------------------------------------------------------------------------------------


def corner(data, place):
    """Up to 8 x 8 numbers of the last two axes, the leading axes at `place` (missing ones 0, too large ones the last).

    Rows of numbers; complex ones as text. A masked element is None.
    """
    array, shape = data.array, tuple(data.array.shape)
    leading = shape[:-2]
    if 0 in shape:
        return []
    at = tuple(min(max(int(place[axis]) if axis < len(place) else 0, 0), size - 1) for axis, size in enumerate(leading))
    cut = tuple(slice(i, i + 1) for i in at) + tuple(slice(0, CORNER) for _ in shape[-2:])
    rows = _rows(data.ops, data.ops.block(array, cut))
    if data.mask is None:
        return rows
    hidden = _rows(data.ops, data.mask[cut] if cut else data.mask)
    return [[None if out else n for n, out in zip(*pair)] for pair in zip(rows, hidden)]


def _rows(ops, block):
    rank = len(block.shape)
    numbers = ops.numbers(block)
    for _ in range(rank - 2):
        numbers = numbers[0]
    lines = numbers if rank >= 2 else [numbers] if rank == 1 else [[numbers]]
    return [[_number(n) for n in line] for line in lines]


def _number(value):
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, (int, complex)) else float(value)
