"""The figures of one tensor: counts of NaN and infinities, smallest, largest and mean finite value.

No code of a user's class runs here: types are read through `type`'s own descriptors, values through the base classes
of torch and numpy. Numbers come from blocks of a bounded number of elements, so memory and the overrun of a deadline
stay bounded however large a tensor is.
"""
import contextlib
import math
import sys
import time
import types
from collections import namedtuple

# Elements of a block. In host memory one that fits the cache with its masks: with blocks of 2**22, a tensor full of NaN
# takes two to three times as long. On a device every block costs several launches and a wait.
HOST_CHUNK = 1 << 18
DEVICE_CHUNK = 1 << 22
LARGEST_COPY = 1 << 22  # elements that are copied from a device where a library reads through numpy only
READABLE_DEVICES = ('cpu', 'cuda', 'mps', 'xpu')
OTHER_ARRAYS = {
    'ArrayImpl': 'jax', 'Array': 'jax', 'DeviceArray': 'jax', 'Tracer': 'jax',
    'EagerTensor': 'tensorflow', 'BaseResourceVariable': 'tensorflow', 'SymbolicTensor': 'tensorflow',
}
NUMPY_KINDS = {
    'O': 'Python objects', 'V': 'a structured or raw type', 'M': 'dates', 'm': 'time spans', 'S': 'bytes', 'U': 'text',
    'T': 'text',
}

_type_name = type.__dict__['__name__'].__get__
_type_module = type.__dict__['__module__'].__get__
_type_dict = type.__dict__['__dict__'].__get__
_type_mro = type.__dict__['__mro__'].__get__

Prepared = namedtuple('Prepared', 'array ops mask note')
Prepared.__doc__ = """Data to read: base-class array, its Ops, mask of elements left out (or None), remark (or None)."""


class Skip(Exception):
    """A value without figures; the text says why in plain words."""


class OutOfTime(Skip):
    """A value that was not read because the deadline had passed."""


def module(name):
    """The module `name` if the program has imported it, else None."""
    return sys.modules.get(name)


def is_a(value, base):
    """Whether value's type derives from `base`, without asking `__class__` or a metaclass."""
    return base is not None and type.__subclasscheck__(base, type(value))


def class_dicts(value):
    """The `__dict__` of every class in value's resolution order."""
    return [_type_dict(klass) for klass in _type_mro(type(value))]


def own_dict(value):
    """The instance's own `__dict__`, past any `__getattribute__` and property of that name; {} where it has none."""
    for members in class_dicts(value):
        slot = members.get('__dict__')
        if type(slot) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            held = slot.__get__(value)
            return held if type(held) is dict else {}
    return {}


def type_name(value):
    return _type_name(type(value))


def library_of(value):
    """'torch', 'numpy', 'jax' or 'tensorflow' for a tensor, else None. Integer numpy scalars are no tensors."""
    torch, numpy = module('torch'), module('numpy')
    if is_a(value, getattr(torch, 'Tensor', None)):
        return 'torch'
    if numpy is not None and any(is_a(value, getattr(numpy, name, None)) for name in ('ndarray', 'inexact')):
        return 'numpy'
    if module('jax') is None and module('tensorflow') is None:
        return None
    return OTHER_ARRAYS.get(_other_class(value))


def _other_class(value):
    """The name of the first class in value's order that jax or tensorflow has for arrays, or None."""
    for klass in _type_mro(type(value)):
        home, name = _type_module(klass), _type_name(klass)
        top = home.split('.')[0] if type(home) is str else ''
        if top and OTHER_ARRAYS.get(name) == top.replace('jaxlib', 'jax'):
            return name
    return None


# --- the state of the libraries while we read -------------------------------------------------------------------------


@contextlib.contextmanager
def quiet(one_thread=True):
    """Libraries read without side effects: no autograd, no user's modes, one thread, no warnings of arithmetic.

    Everything is put back on leaving, also after an error. Where the program goes on at once and only tensors of torch
    are read, one_thread=False spares it the change of its number of threads.
    """
    with contextlib.ExitStack() as stack:
        torch, numpy = module('torch'), module('numpy')
        if one_thread and hasattr(numpy, 'errstate'):
            stack.enter_context(numpy.errstate(all='ignore'))
        if hasattr(torch, 'Tensor'):
            _quiet_torch(stack, torch, one_thread)
        yield


def _quiet_torch(stack, torch, one_thread):
    native = torch._C
    _guard(stack, native, 'DisableTorchFunction')
    if not hasattr(native, 'DisableTorchFunctionSubclass'):
        # In these versions DisableTorchFunction leaves the modes on.
        _set_mode_aside(stack, torch)
    _guard(stack, native, '_DisableTorchDispatch')
    _guard(stack, native, '_DisableFuncTorch')
    _stop_tracing(stack, native)
    stack.enter_context(torch.no_grad())
    threads = torch.get_num_threads() if one_thread else 1
    if threads > 1:
        torch.set_num_threads(1)
        stack.callback(torch.set_num_threads, threads)


def _guard(stack, native, name):
    """Holds torch's guard `name` until the stack closes; older ones act from creation to deletion."""
    make = getattr(native, name, None)
    if make is None:
        return
    held = [make()]
    if hasattr(type(held[0]), '__enter__'):
        stack.enter_context(held[0])
    else:
        stack.callback(held.clear)


def _set_mode_aside(stack, torch):
    """Switches off what calls the program's TorchFunctionModes in torch 1.13; their own stack stays as it is."""
    native = torch._C
    caller = getattr(torch.overrides, '_TorchFunctionStackMode', None)
    if caller is not None and hasattr(native, '_set_torch_function_mode') and native._is_torch_function_mode_enabled():
        native._set_torch_function_mode(None)
        stack.callback(native._set_torch_function_mode, caller())


def _stop_tracing(stack, native):
    """A program stopped inside torch.jit.trace would find our operations in its graph."""
    state = native._get_tracing_state() if hasattr(native, '_get_tracing_state') else None
    if state is not None:
        native._set_tracing_state(None)
        stack.callback(native._set_tracing_state, state)


# --- what a tensor says of itself -------------------------------------------------------------------------------------


def about(value, library):
    """Type, dtype, shape, device, elements and requiresGrad of a tensor; an axis of no single length is -1."""
    read = {'torch': _about_torch, 'numpy': _about_numpy, 'jax': _about_jax, 'tensorflow': _about_tensorflow}
    entry = {'library': library, 'type': type_name(value), 'requiresGrad': False}
    entry.update(read[library](value))
    entry.setdefault('elements', math.prod(size for size in entry['shape'] if size >= 0))
    return entry


def _about_torch(value):
    tensor = module('torch').Tensor
    shape = _torch_shape(value, tensor)
    counted = tensor.numel(value) if -1 in shape and _own_dispatch(value) is None else math.prod(shape)
    return {
        'dtype': str(tensor.dtype.__get__(value)).replace('torch.', ''),
        'shape': shape,
        'elements': max(counted, 0),
        'device': str(tensor.device.__get__(value)),
        'requiresGrad': bool(tensor.requires_grad.__get__(value)),
    }


def _torch_shape(value, tensor):
    if _flag(value, 'is_nested') and hasattr(tensor, '_nested_tensor_size') and not _own_dispatch(value):
        return _nested_shape(tensor._nested_tensor_size(value).tolist())
    return [size if type(size) is int else -1 for size in tensor.shape.__get__(value)]


def _nested_shape(sizes):
    """[rows, ...]: an axis that differs between the rows is -1."""
    return [len(sizes)] + [axis[0] if len(set(axis)) == 1 else -1 for axis in zip(*sizes)]


def _about_numpy(value):
    array = _plain_numpy(value)
    return {'dtype': str(array.dtype)[:80], 'shape': list(array.shape), 'device': 'numpy'}


def _about_jax(value):
    if _other_class(value) == 'Tracer':
        shape = [size if type(size) is int else -1 for size in value.aval.shape]
        return {'dtype': str(value.aval.dtype), 'shape': shape, 'device': 'traced'}
    devices = getattr(value, 'devices', None)
    places = sorted(str(place) for place in devices()) if devices is not None else ['jax']
    return {'dtype': str(value.dtype), 'shape': list(value.shape), 'device': ', '.join(places[:4])}


def _about_tensorflow(value):
    rank = value.shape.rank
    shape = [-1 if size is None else int(size) for size in value.shape] if rank is not None else [-1]
    # A device is "/job:localhost/replica:0/task:0/device:CPU:0" there.
    return {'dtype': value.dtype.name, 'shape': shape, 'device': str(value.device).split('device:')[-1].lower()}


# --- plain data -------------------------------------------------------------------------------------------------------


def prepare(value, library):
    """The Prepared data of a tensor. Raises Skip where there is nothing to read, or reading would change something."""
    if library == 'torch':
        return _prepare_torch(value)
    if library == 'numpy':
        return _prepare_numpy(value)
    return _prepare_numpy((_jax_array if library == 'jax' else _tensorflow_array)(value))


def _flag(value, name):
    """A boolean attribute of torch.Tensor, False where this torch does not know it."""
    descriptor = getattr(module('torch').Tensor, name, None)
    return bool(descriptor.__get__(value)) if hasattr(descriptor, '__get__') else False


def _own_dispatch(value):
    """The class whose `__torch_dispatch__` answers for value, or None for an ordinary tensor."""
    torch = module('torch')
    off = getattr(torch._C, '_disabled_torch_dispatch_impl', None)
    for klass in _type_mro(type(value)):
        if klass is torch.Tensor:
            return None
        found = _type_dict(klass).get('__torch_dispatch__')
        if found is not None:
            return None if found is off else klass
    return None


def _prepare_torch(value):
    note = None
    klass = _own_dispatch(value)
    if klass is not None:
        value, note = _dispatch_data(value, klass)
    _refuse_torch(value)
    torch = module('torch')
    plain = torch.Tensor.detach(value)  # A base-class tensor already, except in some versions.
    if type(plain) is not torch.Tensor:
        plain = torch.Tensor.as_subclass(plain, torch.Tensor)
    plain, stored = _stored_values(plain, torch)
    _refuse_without_storage(plain)
    return Prepared(plain, TorchOps(torch, plain), None, stored or note)


def _dispatch_data(value, klass):
    """(data, remark) of a subclass that computes through `__torch_dispatch__`, where torch itself wrote it."""
    name, home = _type_name(klass), _type_module(klass)
    if type(home) is not str or home.split('.')[0] != 'torch':
        raise Skip('%s computes through code of its own (__torch_dispatch__), which is not run' % name)
    if name == 'FakeTensor':
        raise Skip('no data (a fake tensor)')
    if name == 'DTensor':
        local = object.__getattribute__(value, '_local_tensor')
        if _own_dispatch(local) is None:
            return local, 'a distributed tensor: the figures are of the part on this process'
    raise Skip('%s holds its data in a form that is not read' % name)


def _refuse_torch(value):
    torch = module('torch')
    lazy = getattr(getattr(torch.nn, 'parameter', None), 'UninitializedTensorMixin', None)
    if is_a(value, lazy):
        raise Skip('not initialised yet (a lazy module)')
    if _wrapped(value):
        raise Skip('inside a function transform (vmap or grad): it stands for other values')
    kind = torch.Tensor.device.__get__(value).type
    if kind == 'meta':
        raise Skip('no data (a meta tensor)')
    if kind not in READABLE_DEVICES:
        raise Skip("on device '%s', which cannot be read without running the program on it" % kind)
    if kind == 'cuda' and torch.cuda.is_current_stream_capturing():
        raise Skip('a CUDA graph is being captured: reading would break it')
    if _flag(value, 'is_nested'):
        raise Skip('nested: its rows have different shapes')
    if _flag(value, 'is_quantized'):
        raise Skip('quantised: its integers cannot hold NaN')


def _wrapped(value):
    """Whether value stands for other values, under vmap, grad or functionalisation."""
    functorch = getattr(module('torch')._C, '_functorch', None) or module('functorch._C')
    asks = ('is_functorch_wrapped_tensor', 'is_batchedtensor', 'is_gradtrackingtensor', 'is_functionaltensor')
    if any(hasattr(functorch, ask) and getattr(functorch, ask)(value) for ask in asks):
        return True
    functional = getattr(module('torch'), '_is_functional_tensor', None)
    return functional is not None and bool(functional(value))


def _stored_values(plain, torch):
    """(strided tensor, remark): of a sparse tensor the values that it stores."""
    layout = str(plain.layout).replace('torch.', '')
    if layout == 'strided':
        return plain, None
    if not layout.startswith('sparse'):
        raise Skip('its layout is %s, which is not read' % layout)
    values = torch.Tensor._values(plain) if layout == 'sparse_coo' else torch.Tensor.values(plain)
    return values.detach(), 'sparse: the figures are of the %d stored values' % values.numel()


def _refuse_without_storage(plain):
    if not plain.numel():
        return
    read = getattr(type(plain), 'untyped_storage', None)
    held = (read(plain) if read is not None else plain.storage()).nbytes()
    last = plain.storage_offset() + sum((size - 1) * step for size, step in zip(plain.shape, plain.stride()))
    if held == 0:
        raise Skip('its storage was freed')
    if (last + 1) * plain.element_size() > held:
        raise Skip('its storage is smaller than the tensor')


def _plain_numpy(value):
    """A numpy value as base-class ndarray over the same memory."""
    numpy = module('numpy')
    return numpy.ndarray.view(value, numpy.ndarray) if is_a(value, numpy.ndarray) else numpy.generic.__array__(value)


def _prepare_numpy(value):
    numpy = module('numpy')
    array = _plain_numpy(value)
    custom = _type_module(array.dtype.type) == 'ml_dtypes'
    if array.dtype.kind in NUMPY_KINDS and not custom:
        raise Skip('holds %s, not numbers' % NUMPY_KINDS[array.dtype.kind])
    _refuse_short_file(array)
    mask = _mask_of(value, numpy)
    if mask is None:
        return Prepared(array, NumpyOps(numpy, array), None, None)
    note = 'a masked array: %d masked elements are left out' % int(numpy.count_nonzero(mask))
    return Prepared(array, NumpyOps(numpy, array), mask, note)


def _mask_of(value, numpy):
    """The boolean mask of a masked array, in the shape of its data; None where nothing is masked."""
    masked = getattr(getattr(numpy, 'ma', None), 'MaskedArray', None)
    if not is_a(value, masked):
        return None
    mask = own_dict(value).get('_mask')
    if not is_a(mask, numpy.ndarray):
        return None
    plain = _plain_numpy(mask)
    return plain if plain.dtype == bool and plain.shape == numpy.ndarray.shape.__get__(value) else None


def _refuse_short_file(array):
    """Reading a mapped file beyond its end kills the process, so a file that shrank is not read."""
    mmap = getattr(module('mmap'), 'mmap', None)
    owner = array
    numpy = module('numpy')
    while is_a(owner, numpy.ndarray):
        owner = numpy.ndarray.base.__get__(owner)
    if type(owner) is memoryview:
        owner = owner.obj
    if mmap is None or not is_a(owner, mmap):
        return
    try:
        size = mmap.size(owner)
    except (OSError, ValueError):
        return  # Anonymous memory has no file.
    if size < mmap.__len__(owner):
        raise Skip('its file has become shorter than the array')


def _jax_array(value):
    if _other_class(value) == 'Tracer':
        raise Skip('traced by JAX: it has no values yet')
    if value.is_deleted():
        raise Skip('its buffer was deleted or donated')
    if not getattr(value, 'is_fully_addressable', True):
        raise Skip('spread over several processes: this one holds only a part')
    devices = value.devices() if hasattr(value, 'devices') else ()
    if value.size > LARGEST_COPY and any(place.platform != 'cpu' for place in devices):
        raise Skip('too large to be copied from its device')
    return module('numpy').asarray(value)


def _tensorflow_array(value):
    kind = _other_class(value)
    if kind == 'SymbolicTensor':
        raise Skip('part of a TensorFlow graph: it has no values yet')
    if kind != 'EagerTensor':
        raise Skip('a TensorFlow variable: reading it would be recorded by a gradient tape')
    if 'CPU' not in str(value.device) and math.prod(value.shape) > LARGEST_COPY:
        raise Skip('too large to be copied from its device')
    return module('numpy').asarray(memoryview(value))


# --- arithmetic of one block ------------------------------------------------------------------------------------------


class TorchOps:
    """Arithmetic on plain, detached torch tensors. Masks are bool tensors of the block's shape."""

    def __init__(self, torch, array):
        self.torch = torch
        self.kind = 'bool' if array.dtype == torch.bool else 'int'
        if array.is_floating_point() or array.is_complex():
            self.kind = 'float' if array.is_floating_point() else 'complex'
        self._target = self._readable(array)
        self.chunk = HOST_CHUNK if array.device.type == 'cpu' else DEVICE_CHUNK
        self.bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}

    def _readable(self, array):
        """The dtype that blocks are converted to before arithmetic, None where they are fine as they are."""
        torch, dtype = self.torch, array.dtype
        if self.kind == 'complex':
            return None if dtype in (torch.complex64, torch.complex128) else torch.complex64
        if self.kind == 'float' and dtype not in (torch.float32, torch.float64):
            # On CPU half has no aminmax, and bfloat16 sums in itself.
            direct = array.device.type != 'cpu' and dtype in (torch.float16, torch.bfloat16)
            return None if direct else torch.float32
        wide = {getattr(torch, 'uint16', None): torch.int32, getattr(torch, 'uint32', None): torch.int64,
                getattr(torch, 'uint64', None): torch.float64}
        return wide.get(dtype)

    def block(self, array, index):
        """The part of array at a tuple of slices, in a dtype that has the arithmetic."""
        part = array[index] if index else array
        if part.is_neg():
            part = part.resolve_neg()  # The bits of a lazily negated tensor are those of its opposite.
        return part if self._target is None else part.to(self._target)

    def strides(self, array):
        return array.stride()

    def permute(self, array, order):
        return array.permute(order)

    def size(self, block):
        return block.numel()

    def extent(self, block):
        """(smallest, largest); NaN where the block has one."""
        ends = self.torch.aminmax(block)
        return ends.min.item(), ends.max.item()

    def total(self, block):
        half = block.dtype in (self.torch.float16, self.torch.bfloat16)
        total = block.sum(dtype=self.torch.float32 if half else None).item() if block.is_floating_point() else None
        # Integers may overflow, floats may pass their largest number on the way.
        return total if total is not None and math.isfinite(total) else self.wide(block).sum().item()

    def wide(self, block):
        return block if block.device.type == 'mps' else block.double()

    def count(self, mask):
        return int(mask.sum())

    def nan(self, block):
        return self.torch.isnan(block)

    def equal(self, block, number):
        return block == number

    def parts(self, block):
        return block.real, block.imag

    def filled(self, block, mask, number):
        """block with `number` where mask is True.

        Through the bits: on CPU masked_fill and where branch for every element, which is several times slower where
        True and False alternate.
        """
        bits = self.bits[block.element_size()]
        hide = mask.to(bits)
        kept = block.contiguous().view(bits) & (hide - 1)
        if number:
            put = self.torch.full((), number, dtype=block.dtype, device=block.device).view(bits)
            kept |= hide.neg_() & put
        return kept.view(block.dtype)

    def chosen(self, block, mask):
        return block[mask]

    def sums(self, mask, axes):
        """mask summed over `axes` as nested lists of ints."""
        return (mask.sum(dim=axes) if axes else mask.long()).tolist()

    def finite(self, block):
        """The finite values of a block, flat, as wide floats."""
        values = self.wide(block)
        return values[self.torch.isfinite(values)]

    def histogram(self, values, low, high, bins):
        return [int(n) for n in self.torch.histc(values, bins=bins, min=low, max=high).tolist()]

    def numbers(self, block):
        return block.tolist()


class NumpyOps:
    """The same arithmetic on plain numpy arrays."""

    def __init__(self, numpy, array):
        self.numpy = numpy
        self.kind = {'b': 'bool', 'i': 'int', 'u': 'int', 'c': 'complex'}.get(array.dtype.kind, 'float')
        self._target = self._readable(array.dtype)
        self.chunk = HOST_CHUNK

    def _readable(self, dtype):
        numpy = self.numpy
        if _type_module(dtype.type) == 'ml_dtypes':
            self.kind = 'int' if 'int' in dtype.name else 'float'
            return numpy.dtype('int16' if self.kind == 'int' else 'float32')
        if dtype.kind == 'f' and dtype.itemsize == 2:
            return numpy.dtype('float32')
        return None if dtype.isnative else dtype.newbyteorder('=')

    def block(self, array, index):
        part = array[index] if index else array
        return part if self._target is None else part.astype(self._target)

    def strides(self, array):
        return array.strides

    def permute(self, array, order):
        return array.transpose(order)

    def size(self, block):
        return block.size

    def extent(self, block):
        low = block.min()
        return self._number(low), self._number(block.max() if low == low else low)

    def _number(self, scalar):
        # A longdouble is its own `item`.
        number = scalar.item()
        return number if type(number) is int else float(number)

    def total(self, block):
        total = float(block.sum()) if block.dtype.kind == 'f' else math.inf
        return total if math.isfinite(total) else float(self.wide(block).sum())

    def wide(self, block):
        return block if block.dtype.itemsize > 8 else block.astype('float64')

    def count(self, mask):
        return int(self.numpy.count_nonzero(mask))

    def nan(self, block):
        return self.numpy.isnan(block)

    def equal(self, block, number):
        return self.numpy.equal(block, number)

    def parts(self, block):
        return block.real, block.imag

    def filled(self, block, mask, number):
        bits = {4: 'int32', 8: 'int64'}.get(block.dtype.itemsize)
        if bits is None:
            return self.numpy.where(mask, block.dtype.type(number), block)
        hide = mask.astype(bits)
        kept = self.numpy.ascontiguousarray(block).view(bits) & (hide - 1)
        kept |= -hide & block.dtype.type(number).view(bits)
        return kept.view(block.dtype).reshape(block.shape)

    def chosen(self, block, mask):
        return block[mask]

    def sums(self, mask, axes):
        return (mask.sum(axis=axes) if axes else mask.astype('int64')).tolist()

    def finite(self, block):
        values = self.wide(block)
        return values[self.numpy.isfinite(values)]

    def histogram(self, values, low, high, bins):
        return self.numpy.histogram(values, bins=bins, range=(low, high))[0].tolist()

    def numbers(self, block):
        return block.tolist()


def odd_masks(ops, block):
    """(NaN, +Inf, -Inf) masks of a float or complex block; a complex element is in one mask only, NaN first."""
    if ops.kind == 'float':
        return ops.nan(block), ops.equal(block, math.inf), ops.equal(block, -math.inf)
    real, imag = ops.parts(block)
    nan = ops.nan(real) | ops.nan(imag)
    up = (ops.equal(real, math.inf) | ops.equal(imag, math.inf)) & ~nan
    down = (ops.equal(real, -math.inf) | ops.equal(imag, -math.inf)) & ~nan & ~up
    return nan, up, down


# --- figures ----------------------------------------------------------------------------------------------------------


class _Tally:
    """Figures so far; low and high are None until there is a finite element."""

    def __init__(self):
        self.nan = self.up = self.down = self.seen = self.finite = 0
        self.low = self.high = None
        self.sum = 0.0

    def add(self, finite, low, high, total):
        if finite:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
            self.sum += total
            self.finite += finite

    def figures(self, weight):
        mean = self.sum / self.finite if self.finite else None
        if mean is not None and not math.isfinite(mean):
            mean = None
        return {'nan': self.nan * weight, 'posInf': self.up * weight, 'negInf': self.down * weight,
                'min': self.low, 'max': self.high, 'mean': mean}


def figures(prepared, deadline):
    """nan, posInf, negInf, min, max and mean of Prepared data, read until `deadline` (time.perf_counter seconds).

    'scanned' is there when not all was read. min, max and mean are over finite values, None where there is none, and
    None for complex numbers. Raises OutOfTime when the deadline has passed before the first block.
    """
    array, ops, mask, _ = prepared
    tally, weight = _Tally(), 1
    if mask is None:
        array, weight = _arranged(array, ops)
    size = math.prod(array.shape)
    for index in blocks(array.shape, ops.chunk) if size else ():
        if time.perf_counter() > deadline:
            break
        block = ops.block(array, index)
        tally.seen += ops.size(block)
        if mask is not None:
            block = ops.chosen(block, ~(mask[index] if index else mask))
        if ops.size(block):
            _add_block(ops, block, tally)
    if size and not tally.seen:
        raise OutOfTime('the time budget was spent before it')
    result = tally.figures(weight)
    if tally.seen < size:
        result['scanned'] = tally.seen * weight
    return result


def _arranged(array, ops):
    """(array, weight): repeated axes (stride 0) cut to one element, axes in the order of memory, nothing copied."""
    strides = ops.strides(array)
    repeated = [size > 1 and step == 0 for size, step in zip(array.shape, strides)]
    weight = math.prod(size for size, again in zip(array.shape, repeated) if again)
    if any(repeated):
        array = array[tuple(slice(0, 1) if again else slice(None) for again in repeated)]
    order = sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
    return (array if order == list(range(len(order))) else ops.permute(array, order)), weight


def blocks(shape, chunk):
    """Index tuples of slices that cut `shape` into parts of at most `chunk` elements, each element in one part."""
    return _split(tuple((0, size) for size in shape), chunk)


def _split(box, chunk):
    sizes = [end - start for start, end in box]
    if math.prod(sizes) <= chunk:
        yield tuple(slice(start, end) for start, end in box)
        return
    axis = next(axis for axis, size in enumerate(sizes) if size > 1)
    step = max(1, chunk * sizes[axis] // math.prod(sizes))
    start, end = box[axis]
    for first in range(start, end, step):
        part = (first, min(first + step, end))
        yield from _split(box[:axis] + (part,) + box[axis + 1:], chunk)


def _add_block(ops, block, tally):
    if ops.kind == 'bool':
        _add_bools(ops, block, tally)
    elif ops.kind == 'complex':
        counts = [ops.count(mask) for mask in odd_masks(ops, block)]
        tally.nan, tally.up, tally.down = (a + b for a, b in zip((tally.nan, tally.up, tally.down), counts))
    else:
        low, high = ops.extent(block)
        if math.isfinite(low) and math.isfinite(high):
            tally.add(ops.size(block), low, high, ops.total(block))
        else:
            _add_odd(ops, block, tally)


def _add_bools(ops, block, tally):
    size, ones = ops.size(block), ops.count(block)
    tally.add(size, int(ones == size), int(ones > 0), float(ones))


def _add_odd(ops, block, tally):
    """A float block that has NaN or infinities: these become 0, so that what is left can be summed and compared."""
    odd = ops.nan(block)
    nan = ops.count(odd)
    rest = ops.filled(block, odd, 0) if nan else block
    low, high = ops.extent(rest)
    up = down = 0
    if not (math.isfinite(low) and math.isfinite(high)):
        above, below = ops.equal(rest, math.inf), ops.equal(rest, -math.inf)
        up, down = ops.count(above), ops.count(below)
        odd = odd | above | below
        rest = ops.filled(rest, above | below, 0)
        low, high = ops.extent(rest)
    tally.nan, tally.up, tally.down = tally.nan + nan, tally.up + up, tally.down + down
    # A 0 at one end may be one that was put in: then the other end takes its place, which cannot be beyond it.
    total = ops.total(rest)
    if low == 0 < high:
        low = ops.extent(ops.filled(rest, odd, high))[0]
    elif low < 0 == high:
        high = ops.extent(ops.filled(rest, odd, low))[1]
    tally.add(ops.size(block) - nan - up - down, low, high, total)
