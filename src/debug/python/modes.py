"""Torch's modes, which show every operation of one thread: put on below those of the program and taken off again."""
from . import health

_counted = {}  # By home module: [our modes that are on in any thread, torch's flags from before the first].


def dispatch():
    """(base class, its home module) of modes below autograd; (None, None) where this torch has none."""
    home = health.module('torch.utils._python_dispatch')
    return _usable(home, 'TorchDispatchMode', '_get_current_dispatch_mode_stack')


def functions():
    """(base class, its home module) of modes that see the functions as they were called; (None, None) likewise."""
    return _usable(health.module('torch.overrides'), 'TorchFunctionMode', '_get_current_function_mode_stack')


def _usable(home, name, stack):
    needed = (name, stack, '_push_mode', '_pop_mode')
    return (getattr(home, name), home) if all(hasattr(home, part) for part in needed) else (None, None)


def stack_of(home):
    name = '_get_current_dispatch_mode_stack' if hasattr(home, 'TorchDispatchMode') else \
        '_get_current_function_mode_stack'
    return list(getattr(home, name)())


def put_on(mode, home):
    """Below the program's own modes: a `with` of the program that ends meanwhile takes off the topmost one."""
    counted = _counted.setdefault(id(home), [0, {}])
    if not counted[0]:
        counted[1] = _flags(home)
    above = [home._pop_mode() for _ in stack_of(home)]
    try:
        mode.__enter__()
        counted[0] += 1
    finally:
        for held in reversed(above):
            home._push_mode(held)


def take_off(mode, home):
    """Whether it was there. Inside an operation that the mode is looking at, torch has set it aside: then it is not."""
    stack = stack_of(home)
    at = next((at for at, held in enumerate(stack) if held is mode), None)
    if at is None:
        return False
    above = [home._pop_mode() for _ in stack[at + 1:]]
    try:
        mode.__exit__(None, None, None)
    finally:
        for held in reversed(above):
            home._push_mode(held)
    forget(home)
    return True


def forget(home):
    """One of our modes is off, or gone with its thread. Newer versions of torch keep 'a mode is on' in flags of the
    whole process, which each mode puts back to what it met: with several threads that may be another one of ours."""
    counted = _counted[id(home)]
    counted[0] -= 1
    if not counted[0] and not stack_of(home):
        vars(home).update(counted[1])


def _flags(home):
    return {name: held for name, held in list(vars(home).items()) if name.startswith('_is_in_') and type(held) is bool}


def name_of(function):
    """'softmax' of aten._softmax.default, Tensor.softmax_ or torch.nn.functional.softmax; (name, in place)."""
    schema = getattr(function, '_schema', None)
    name = schema.name.split('::')[-1] if schema is not None else getattr(function, '__name__', '')
    name = name if isinstance(name, str) else ''
    magic = name.startswith('__') and name.endswith('__')
    bare = name.strip('_')
    in_place = name.endswith('_') and not magic
    if magic and bare.startswith('i') and bare[1:] in _OPERATORS:
        bare, in_place = bare[1:], True
    return _OPERATORS.get(bare, bare) if magic else bare, in_place


def is_view(function):
    """Whether an operation computes nothing and gives back memory that it was given, by its schema."""
    known = _views.get(function)
    if known is None:
        schema = getattr(function, '_schema', None)
        told = [getattr(returned, 'alias_info', None) for returned in getattr(schema, 'returns', ())]
        dtype = schema is not None and any(argument.name == 'dtype' for argument in schema.arguments)
        known = bool(told) and not dtype and all(one is not None and not one.is_write for one in told)
        if schema is not None:
            _views[function] = known
    return known


_views = {}

_OPERATORS = {
    'add': 'add', 'radd': 'add', 'sub': 'sub', 'rsub': 'rsub', 'mul': 'mul', 'rmul': 'mul', 'truediv': 'div',
    'rtruediv': 'rdiv', 'div': 'div', 'matmul': 'matmul', 'pow': 'pow',
}


# --- what this torch cannot do under a mode ---------------------------------------------------------------------------


class Constructors:
    """In torch 1.13 a tensor that a mode has seen cannot become one of another class any more: under any mode
    `torch.Tensor([1.])` and `as_subclass` raise. While a guard is on, both set its modes aside; nothing stays."""

    def __init__(self, home):
        self._home, self._users = home, 0

    def needed(self, base):
        """Tried out, with a mode that does nothing."""
        class Trial(base):
            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                return function(*args, **(kwargs or {}))

        torch = health.module('torch')
        try:
            with Trial():
                torch.Tensor([1.0])
            return False
        except RuntimeError:
            return True

    def shield(self):
        self._users += 1
        if self._users > 1:
            return
        tensor = health.module('torch').Tensor
        made, kind = super(tensor, tensor).__new__, super(tensor, tensor).as_subclass
        constructors = self

        def __new__(cls, *args, **kwargs):
            with _Aside(constructors._home):
                return made(cls, *args, **kwargs)

        def as_subclass(self, *args, **kwargs):
            with _Aside(constructors._home):
                return kind(self, *args, **kwargs)

        tensor.__new__, tensor.as_subclass = staticmethod(__new__), as_subclass

    def unshield(self):
        self._users -= 1
        if not self._users:
            tensor = health.module('torch').Tensor
            del tensor.__new__, tensor.as_subclass


class _Aside:
    """Our modes of this thread are off meanwhile."""

    def __init__(self, home):
        self._home = home

    def __enter__(self):
        self._whole = stack_of(self._home)
        self._swap([mode for mode in self._whole if not getattr(mode, 'of_nanoscope', False)])

    def __exit__(self, *error):
        self._swap(self._whole)

    def _swap(self, modes):
        for _ in stack_of(self._home):
            self._home._pop_mode()
        for mode in modes:
            self._home._push_mode(mode)


_constructors = {}


def constructors(base, home):
    """The Constructors of this torch; None where they need no help."""
    if base is None or home is not health.module('torch.utils._python_dispatch'):
        return None
    if 'needed' not in _constructors:
        made = Constructors(home)
        _constructors['needed'] = made if made.needed(base) else None
    return _constructors['needed']
