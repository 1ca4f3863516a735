"""What made the NaN of one operation: the mechanism where it can be told, and a sentence with figures.

Operations are known by name ('softmax', 'div'), their inputs by order. Every rule looks at the numbers; where none
agrees the mechanism is 'unknown'. The ids are those of `birthMechanisms` in src/core/report.ts.
"""
import math
from collections import namedtuple

from . import health

LARGEST = 1 << 26  # elements; beyond that the mechanism is not looked for
SOFTMAX = ('softmax', 'log_softmax', 'safe_softmax')
ATTENTION = (
    'scaled_dot_product_attention', 'scaled_dot_product_attention_math', 'scaled_dot_product_flash_attention',
    'scaled_dot_product_flash_attention_for_cpu', 'scaled_dot_product_efficient_attention',
    'scaled_dot_product_cudnn_attention', 'scaled_dot_product_fused_attention_overrideable',
)
PRODUCTS = ('matmul', 'mm', 'bmm', 'addmm', 'baddbmm', 'linear')
REDUCTIONS = ('sum', 'mean', 'var', 'std', 'var_mean', 'std_mean', 'cumsum', 'nansum', 'logsumexp', 'norm',
              'native_layer_norm', 'layer_norm', 'native_group_norm', 'native_batch_norm', 'batch_norm')

LOST = object()  # Among an operation's arguments: a tensor that it has overwritten.

Operation = namedtuple('Operation', 'name args kwargs out')
Operation.__doc__ = """An operation that ran: plain name, positional and keyword arguments, first output with NaN."""


def mechanism(operation):
    """(id, sentence). Inside `health.quiet`; never raises."""
    try:
        return _mechanism(operation)
    except Exception as error:  # An operation with arguments of an unusual kind is still a birth.
        return 'unknown', 'Its inputs could not be looked at (%s).' % type(error).__name__


def _mechanism(operation):
    name = operation.name
    if any(value is LOST for value in operation.args):
        return 'unknown', 'What it overwrote is gone: too large to be copied before, or of a kind that is not read.'
    plain = [_plain(value) for value in operation.args]
    tensors = [value for value in plain if value is not None]
    if sum(value.numel() for value in tensors) > LARGEST:
        return 'unknown', 'Its inputs are too large to look for the reason.'
    for names, rule in _RULES:
        if name in names:
            told = rule(operation, plain, _plain(operation.out))
            if told is not None:
                return told
    return _by_infinities(operation, tensors)


def _plain(value):
    """A tensor as plain, detached data of at least single precision; None for what is none or cannot be read."""
    if health.library_of(value) != 'torch':
        return None
    try:
        data = health.prepare(value, 'torch')
    except health.Skip:
        return None
    return data.ops.block(data.array, ())


def _argument(operation, at, name, default=None):
    if name in operation.kwargs:
        return operation.kwargs[name]
    return operation.args[at] if at < len(operation.args) else default


def _count(mask):
    return int(mask.sum())


# --- rules: (operation, plain positional arguments, plain output) -> (id, sentence) or None ------------------------


def _softmax(operation, plain, out):
    if not plain or plain[0] is None:
        return None
    dim = _argument(operation, 1, 'dim')
    return softmax_rows(plain[0], dim if type(dim) is int else -1, operation.name)


def softmax_rows(scores, dim, name):
    """What made a softmax over `dim` of clean scores give NaN; None where the scores do not tell."""
    torch = health.module('torch')
    if not scores.dim():
        return None
    masked = torch.all(scores == -math.inf, dim)
    rows, empty = masked.numel(), _count(masked)
    over = _count(torch.any(scores == math.inf, dim))
    if over and over >= empty:
        return 'score-overflow', '%s over axis %d: %d of %d rows hold +Inf, and Inf - Inf is NaN.' % (
            name, dim, over, rows)
    if empty:
        return 'fully-masked-row', '%s over axis %d: %d of %d rows hold nothing but -Inf, so the sum below is 0.' % (
            name, dim, empty, rows)
    return None


def _attention(operation, plain, out):
    torch = health.module('torch')
    query, key = plain[0], plain[1]
    mask = _argument(operation, 3, 'attn_mask')
    if mask is None:
        mask = operation.kwargs.get('attn_bias')
    if health.library_of(mask) == 'torch':
        held = health.prepare(mask, 'torch').array
        closed = torch.all(~held if held.dtype == torch.bool else held == -math.inf, -1)
        if _count(closed):
            return 'fully-masked-row', 'attention: %d of %d rows of the mask (%s) let no key through.' % (
                _count(closed), closed.numel(), str(held.dtype).replace('torch.', ''))
    at = torch.isnan(out).nonzero()[0].tolist()
    lead = [min(place, size - 1) for place, size in zip(at[:-2], key.shape[:-2])]
    row = query[tuple(at[:-1])]
    scores = key[tuple(lead)].double() @ row.double()
    scale = operation.kwargs.get('scale') or 1 / math.sqrt(query.shape[-1])
    limit = torch.finfo(operation.args[0].dtype).max
    largest = float((scores * scale).abs().max())
    if largest > limit:
        return 'score-overflow', 'attention: a score of %.3g is beyond the largest number of its type, %.3g.' % (
            largest, limit)
    return None


def _times(operation, plain, out):
    left, right = _pair(operation, plain)
    wrong = ((left == 0) & _infinite(right)) | (_infinite(left) & (right == 0))
    return _told(wrong, 'zero-times-inf', '%s: 0 is multiplied by Inf at %d of %d places.', operation, out)


def _plus(operation, plain, out):
    left, right = _pair(operation, plain)
    right = right * operation.kwargs.get('alpha', 1)
    if operation.name in ('sub', 'subtract', 'rsub'):
        right = -right
    wrong = _infinite(left) & _infinite(right) & (left != right)
    return _told(wrong, 'inf-minus-inf', '%s: Inf meets Inf of the other sign at %d of %d places.', operation, out)


def _divided(operation, plain, out):
    left, right = _pair(operation, plain)
    zero = _told((left == 0) & (right == 0), 'zero-over-zero', '%s: 0 is divided by 0 at %d of %d places.',
                 operation, out)
    return zero or _told(_infinite(left) & _infinite(right), 'inf-over-inf',
                         '%s: Inf is divided by Inf at %d of %d places.', operation, out)


def _logarithm(operation, plain, out):
    low = -1 if operation.name.startswith('log1p') else 0
    return _below(plain[0], low, 'log-of-negative', operation)


def _root(operation, plain, out):
    return _below(plain[0], 0, 'sqrt-of-negative', operation)


def _below(value, low, told, operation):
    wrong = value < low
    number = _count(wrong)
    if not number:
        return None
    return told, '%s of a number below %d at %d of %d places, the lowest %.4g.' % (
        operation.name, low, number, value.numel(), float(value[wrong].min()))


def _power(operation, plain, out):
    base, exponent = _pair(operation, plain)
    torch = health.module('torch')
    wrong = (base < 0) & (exponent != torch.round(exponent))
    return _told(wrong, 'pow-of-negative', '%s: a negative number to a broken power at %d of %d places.',
                 operation, out)


def _product(operation, plain, out):
    """One NaN of a matrix product, followed along its row and column."""
    torch = health.module('torch')
    factors = plain[1:3] if operation.name in ('addmm', 'baddbmm') else plain[:2]
    left, right = factors
    if operation.name == 'linear':
        right = right.t()
    if left.dim() < 2 or right.dim() < 2:
        return None
    at = torch.isnan(out).nonzero()[0].tolist()
    row = left[tuple(_broadcast(at[:-2], left)) + (at[-2],)]
    column = right[tuple(_broadcast(at[:-2], right)) + (slice(None), at[-1])]
    terms = row * column
    lost = _count(torch.isnan(terms))
    where = '%s, e.g. at %s' % (operation.name, at)
    if lost:
        return 'zero-times-inf', '%s: 0 times Inf in %d of its %d terms.' % (where, lost, terms.numel())
    up, down = _count(terms == math.inf), _count(terms == -math.inf)
    if up and down:
        return 'inf-minus-inf', '%s: %d of its terms are +Inf, %d -Inf.' % (where, up, down)
    if not _count(_infinite(row)) and not _count(_infinite(column)):
        return 'score-overflow', '%s: its sum of finite numbers passes the largest number of its type.' % where
    return None


def _broadcast(leading, value):
    held = value.shape[:-2]
    return [min(place, size - 1) for place, size in zip(leading[len(leading) - len(held):], held)]


def _reduction(operation, plain, out):
    value = plain[0]
    up, down = _count(value == math.inf), _count(value == -math.inf)
    if up and down or ((up or down) and operation.name not in ('sum', 'mean', 'cumsum', 'nansum')):
        return 'inf-minus-inf', '%s of numbers among which %d are +Inf and %d -Inf.' % (operation.name, up, down)
    if not value.numel() and operation.name == 'mean':
        return 'zero-over-zero', 'mean of no numbers at all: 0 is divided by 0.'
    if operation.name in ('var', 'std', 'var_mean', 'std_mean') and not up and not down:
        return 'zero-over-zero', '%s of a single number: divided by 0 degrees of freedom.' % operation.name
    return None


def _by_infinities(operation, tensors):
    up = sum(_count(value == math.inf) for value in tensors if not value.is_complex())
    down = sum(_count(value == -math.inf) for value in tensors if not value.is_complex())
    if up or down:
        return 'unknown', '%s of inputs without NaN, of which %d numbers are +Inf and %d -Inf.' % (
            operation.name, up, down)
    return 'unknown', '%s of inputs without NaN and without infinities.' % operation.name


def _pair(operation, plain):
    """Both operands; a number becomes a tensor."""
    torch = health.module('torch')
    return [value if value is not None else torch.tensor(float(number), dtype=torch.float64)
            for value, number in zip(plain[:2], operation.args[:2])]


def _infinite(value):
    return value.abs() == math.inf


def _told(wrong, told, sentence, operation, out):
    number = _count(wrong)
    return (told, sentence % (operation.name, number, wrong.numel())) if number else None


_RULES = (
    (SOFTMAX, _softmax), (ATTENTION, _attention), (('mul', 'multiply'), _times),
    (('add', 'sub', 'rsub', 'subtract'), _plus), (('div', 'divide', 'true_divide'), _divided),
    (('log', 'log2', 'log10', 'log1p'), _logarithm), (('sqrt', 'rsqrt'), _root), (('pow',), _power),
    (PRODUCTS, _product), (REDUCTIONS, _reduction),
)
