"""Torch's modes, which show every operation of one thread: put on below those of the program and taken off again."""
from . import health


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
    above = [home._pop_mode() for _ in stack_of(home)]
    try:
        mode.__enter__()
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
    return True


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


_OPERATORS = {
    'add': 'add', 'radd': 'add', 'sub': 'sub', 'rsub': 'rsub', 'mul': 'mul', 'rmul': 'mul', 'truediv': 'div',
    'rtruediv': 'rdiv', 'div': 'div', 'matmul': 'matmul', 'pow': 'pow',
}
