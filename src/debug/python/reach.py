"""Which tensors a frame can reach, in the order of the frame, each with an expression that gives it there.

Only known containers are opened, and only through the methods of their base types, so that no code of the program
runs and no iterator is consumed.
"""
import itertools
import keyword
import sys
import time
import types
from collections import UserDict, deque, namedtuple

from . import health

MODULE_DEPTH = 24  # A module tree is followed much deeper than containers: its weights are what people look for.
LOOKED = 1 << 15  # things in the containers that one call is given
CLOCK_EVERY = 256  # nodes between two looks at the clock
LONGEST_KEY = 200  # characters of a key in a path
PLAIN = (int, float, complex, bool, str, bytes, type(None), types.ModuleType, types.FunctionType, type)
PLAIN_IDS = frozenset(map(id, PLAIN))  # By identity: a metaclass may have an `__eq__` of its own.

Found = namedtuple('Found', 'path origin value')
Found.__doc__ = """A tensor: its expression (None where a key has none), how it was reached, and itself."""

_Node = namedtuple('_Node', 'path origin value depth modules')


def find(names, options, deadline):
    """(list of Found, whether the deadline cut the search) of a frame's locals dict.

    Breadth first: what stands in a local itself comes before what is inside a container. The same tensor is listed at
    every path, the same container is opened once.
    """
    held = list(dict.items(names) if health.is_a(names, dict) else names.items())
    queue = deque(_Node(name, 'local', value, 0, 0) for name, value in held if _is_local(name, value))
    found, opened, visited = [], set(), 0
    while queue:
        node = queue.popleft()
        visited += 1
        if visited % CLOCK_EVERY == 0 and time.perf_counter() > deadline:
            return found, True
        if health.library_of(node.value) is not None:
            found.append(Found(node.path, node.origin, node.value))
        elif id(node.value) not in opened:
            opened.add(id(node.value))
            queue.extend(_inside(node, options))
    return found, False


def tensors(named, depth, limit):
    """Found of every tensor in (path, value) pairs and the containers among them; modules are not opened.

    limit: of tensors, and of what is looked at in one container.
    """
    queue = deque(_Node(path, 'local', value, 0, 0) for path, value in named)
    found, opened, looked = [], set(), 0
    while queue and len(found) < limit and looked < LOOKED:
        node = queue.popleft()
        if id(type(node.value)) in PLAIN_IDS:
            continue
        if health.library_of(node.value) is not None:
            found.append(Found(node.path, node.origin, node.value))
        elif node.depth < depth and id(node.value) not in opened and not _is_module(node.value):
            opened.add(id(node.value))
            parts = _parts(node, limit)
            looked += len(parts)
            queue.extend(_nodes(node, parts, 1))
    return found


def _is_local(name, value):
    """Whether a name is an expression of the frame: not a comprehension's '.0', not `__builtins__` and the like."""
    if type(name) is not str or not name.isidentifier() or id(type(value)) in PLAIN_IDS:
        return False
    return not (name.startswith('__') and name.endswith('__'))


def _inside(node, options):
    """The nodes inside a container, at most maxItems of each of its parts; [] for everything else."""
    if _is_module(node.value):
        return [] if node.modules >= MODULE_DEPTH else _nodes(node, _module_parts(node, options), 0)
    if node.depth >= options['depth']:
        return []
    return _nodes(node, _parts(node, options['maxItems']), 1)


def _nodes(node, parts, deeper):
    return [
        _Node(path, origin, value, node.depth + deeper, node.modules + 1 - deeper)
        for path, origin, value in parts
        if id(type(value)) not in PLAIN_IDS
    ]


def _parts(node, limit):
    """(path, origin, value) of what a container that is no module holds."""
    value, path = node.value, node.path
    if health.is_a(value, dict):
        return _items(path, dict.items(value), limit)
    if health.is_a(value, tuple):
        return _tuple_parts(value, path, limit)
    for kind in (list, deque):
        if health.is_a(value, kind):
            return _numbered(path, itertools.islice(kind.__iter__(value), limit))
    if health.is_a(value, UserDict):
        data = health.own_dict(value).get('data')
        return _items(path, dict.items(data), limit) if health.is_a(data, dict) else []
    if _is_record(value) or (path == 'self' and node.origin == 'local'):
        return _attributes(value, path, limit)
    return []


def _items(path, items, limit):
    return [(subscript(path, key), 'item', value) for key, value in list(itertools.islice(items, limit))]


def _numbered(path, values):
    return [(subscript(path, index), 'item', value) for index, value in enumerate(values)]


def _tuple_parts(value, path, limit):
    fields = next((own['_fields'] for own in health.class_dicts(value) if '_fields' in own), ())
    values = itertools.islice(tuple.__iter__(value), limit)
    if type(fields) is not tuple or len(fields) != tuple.__len__(value):
        return _numbered(path, values)
    return [(attribute(path, name), 'attribute', item) for name, item in zip(fields, values)]


def _is_record(value):
    """Whether value is a dataclass instance or a SimpleNamespace: data, not behaviour."""
    if health.is_a(value, types.SimpleNamespace):
        return True
    return any('__dataclass_fields__' in own for own in health.class_dicts(value))


def _attributes(value, path, limit):
    held = list(itertools.islice(dict.items(health.own_dict(value)), limit)) + _slots(value)[:limit]
    return [(attribute(path, name), 'attribute', item) for name, item in held if type(name) is str]


def _slots(value):
    """[(name, value)] of the filled `__slots__`, base classes first."""
    held = []
    for own in reversed(health.class_dicts(value)):
        for name, slot in list(own.items()):
            if type(slot) is types.MemberDescriptorType and type(name) is str and name != '__dict__':
                try:
                    held.append((name, slot.__get__(value)))
                except AttributeError:
                    continue  # A slot that was never filled.
    return held


# --- modules ----------------------------------------------------------------------------------------------------------


def _is_module(value):
    return health.is_a(value, _torch_class('Module'))


def _torch_class(name):
    return getattr(getattr(sys.modules.get('torch'), 'nn', None), name, None)


def _module_parts(node, options):
    """Parameters, buffers, other attributes and submodules of a torch module, in that order."""
    own, limit = health.own_dict(node.value), options['maxItems']
    indexed = any(health.is_a(node.value, _torch_class(kind)) for kind in ('ModuleList', 'Sequential', 'ParameterList'))
    parts = []
    for store, origin in (('_parameters', 'parameter'), ('_buffers', 'buffer')):
        parts += _stored(node.path, own, store, origin, indexed, limit)
    if node.depth < options['depth']:
        rest = [(name, value) for name, value in list(dict.items(own)) if _is_own_attribute(name)]
        parts += [(attribute(node.path, name), 'attribute', value) for name, value in rest[:limit]]
    return parts + _stored(node.path, own, '_modules', 'attribute', indexed, limit)


def _is_own_attribute(name):
    """Whether a name in a module's `__dict__` is the program's, not one of torch's stores."""
    return type(name) is str and name not in ('_parameters', '_buffers', '_modules') and not name.endswith('_hooks')


def _stored(path, own, store, origin, indexed, limit):
    held = own.get(store)
    if not health.is_a(held, dict):
        return []
    return [
        (_member(path, store, name, indexed), origin, value)
        for name, value in list(itertools.islice(dict.items(held), limit))
    ]


def _member(path, store, name, indexed):
    """`path[0]` in a list of modules, `path.name`, or `path._modules['a.b']` where the name is no identifier."""
    if indexed and type(name) is str and name.isdigit():
        return subscript(path, int(name))
    if type(name) is str and _is_plain_name(name):
        return attribute(path, name)
    return subscript(attribute(path, store), name)


# --- expressions ------------------------------------------------------------------------------------------------------


def attribute(path, name):
    """`path.name`, or None where that is no expression."""
    return '%s.%s' % (path, name) if path is not None and type(name) is str and _is_plain_name(name) else None


def subscript(path, key):
    """`path[key]`, or None where the key has no expression of its own."""
    text = _literal(key) if path is not None else None
    return None if text is None or len(text) > LONGEST_KEY else '%s[%s]' % (path, text)


def _is_plain_name(name):
    return name.isidentifier() and not keyword.iskeyword(name)


def _literal(key):
    """The literal of a str, int, bool, None or tuple of those; None for every other key."""
    if type(key) in (str, int, bool, type(None)):
        return repr(key)
    if type(key) is tuple and len(key) <= 8:
        parts = [_literal(part) for part in key]
        return None if None in parts else '(%s%s)' % (', '.join(parts), ',' if len(parts) == 1 else '')
    return None
