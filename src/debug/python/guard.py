"""Break on the first NaN: watches a running program and stops it in its own line where NaN begins.

NaN begins in a call whose output holds NaN while none of its inputs did before the call. Level 'modules' looks at calls
of torch.nn.Module in every thread, through torch's global forward hooks. Level 'ops' looks at every operation as well:
from `arm` on in the thread that armed, and in every thread while a module's forward pass runs in it, as torch keeps
modes per thread. Not seen: operations outside of modules in other threads, what compiled or scripted code does inside,
and gradients, except those that the CPU computes in a watched thread.
"""
import os
import threading
from collections import namedtuple

from . import births, calls, callers, health, modes, nancheck, told, watch, whenimported
from .entry import text

MOST_HITS = 100
MOST_INPUTS = 64  # told of one hit
COPIED = 1 << 20  # elements of what an operation is about to overwrite

_Before = namedtuple('_Before', 'name given args kwargs written')
_Before.__doc__ = """An operation that is about to run: plain name, Found that it is given, arguments with copies of
what it overwrites, (name, value) pairs of what it writes into (None: it only gives a view)."""
# Made from nothing, or memory that shows what was in it before: NaN in there was put in, not computed.
CREATED = frozenset((
    'empty', 'empty_like', 'empty_strided', 'empty_permuted', 'new_empty', 'new_empty_strided', 'full', 'full_like',
    'new_full', 'fill', 'rand', 'rand_like', 'randn', 'randn_like', 'normal', 'uniform', 'exponential', 'from_file',
    'from_numpy', 'tensor', 'as_tensor', 'scalar_tensor', 'lift', 'lift_fresh', 'lift_fresh_copy', 'resize', 'set',
    'set_data', 'as_strided', 'frombuffer', 'from_dlpack', 'detach', 'alias', 'eye', 'arange', 'linspace', 'zeros',
))

_armed = None
_replaced = []  # Guards that were on before and still have a mode in some thread.
held = None  # While the program is stopped at a hit: {'output': tensor, 'inputs': [tensors]}, for a look at them.


def arm(options=None):
    """JSON text of status(). Options: level 'modules' or 'ops'; once (disarm at the first hit), stop (the program)."""
    global _armed
    options = dict({'level': 'modules', 'once': True, 'stop': True}, **(options or {}))
    if _armed is not None:
        _armed.stop()
        _replaced[:] = [guard for guard in _replaced + [_armed] if guard.left()]
    _armed = Guard(options)
    _armed.start()
    return status()


def arm_when_imported(options=None):
    """JSON text of status(): armed at once where torch is imported, else waiting for that."""
    whenimported.do('guard', lambda: arm(options))
    return status()


def disarm():
    """JSON text of status(); the hits stay readable until the next `arm`."""
    whenimported.cancel('guard')
    if _armed is not None:
        _armed.stop()
    return status()


def status():
    """JSON text: {'armed', 'waiting', 'level', 'modes', 'checked', 'errors', 'lastError', 'sickInputs', 'left', 'hits'}.

    waiting: torch is not imported yet; modes: how operations are seen; sickInputs: NaN that was not computed here, given
    to a pass or put in, with the first one's place; left: threads in which a mode of ours does nothing any more but is
    not off yet.
    """
    guard = _armed
    told_ = {'armed': False, 'level': 'modules', 'modes': None, 'checked': 0, 'errors': 0, 'lastError': None,
             'sickInputs': {'count': 0, 'first': None}, 'left': 0, 'hits': []} if guard is None else guard.status()
    told_['left'] += sum(replaced.left() for replaced in _replaced)
    return text(dict(told_, waiting=whenimported.waiting('guard'), pid=os.getpid()))


class Guard(watch.Watch):
    def __init__(self, options):
        self._level, self._once, self._stop = options['level'], options['once'], options['stop']
        base, home, self._kind = None, None, None
        if self._level == 'ops':
            base, home = modes.dispatch()
            self._kind = 'dispatch'
            if base is None:
                base, home = modes.functions()
                self._kind = 'function' if base is not None else 'none'
        watch.Watch.__init__(self, base, home)
        self._hits, self._checked = [], 0
        self._sick, self._first_sick = 0, None
        self._turn = [1]  # One hit may be told; taken by `pop`, which no two threads can both do.
        self._pid, self._debugger = os.getpid(), callers.debugger()

    def status(self):
        return {
            'armed': self.active, 'level': self._level, 'modes': self._kind, 'checked': self._checked,
            'errors': self.errors, 'lastError': self.last_error,
            'sickInputs': {'count': self._sick, 'first': self._first_sick},
            'left': self.left(), 'hits': list(self._hits),
        }

    # --- modules ------------------------------------------------------------------------------------------------------

    def before_module(self, thread, module, args, frame):
        with health.quiet(one_thread=False):
            named = nancheck.call_arguments(frame, args, told.argument_names(module))
            given = nancheck.tensors(named)
            # What comes from outside may have been written to by other means than torch.
            sick = thread.clean.sick(given, known=bool(thread.calls.at(frame.f_back)))
            masks = nancheck.weakly(nancheck.tensors(_named_masks(named), of_numbers=False))
        thread.calls.enter(module, frame, (nancheck.weakly(given), masks, bool(sick), thread.births))
        if sick and len(thread.calls) == 1:
            self._not_computed('%s of %s' % (sick[0].path, health.type_name(module)))

    def after_module(self, thread, module, output, call, root, frame):
        given, masks, was_sick, before = call.data
        self._checked += 1
        with health.quiet(one_thread=False):
            # Also what is remembered is asked: `x.data.log_()` is a write that nothing counts.
            found = thread.clean.sick(nancheck.tensors([('output', output)]), known=False)
            if not found or was_sick or before != thread.births:
                return
            given = nancheck.alive(given)
            thread.births += 1
            weights = [item for item in _parameters(module) if nancheck.holds_nan([item.value])[0]]
            if self._kind == 'dispatch' and not weights:
                self._not_computed('%s of %s, put in' % (found[0].path, health.type_name(module)))
                return
            if not self._my_turn():
                return
            record = self._module_record(module, root, given, weights, _in_scope(masks), found[0])
        self._hit(record, frame, found[0].value, given)

    def _not_computed(self, place):
        self._sick += 1
        self._first_sick = self._first_sick or told.cut(place)

    def _module_record(self, module, root, given, weights, in_scope, found):
        record = {
            'level': 'modules', 'op': None, 'module': _named(module, root), 'source': told.source(module),
            'inputs': [told.tensor(item.path, item.value) for item in (given + weights)[:MOST_INPUTS]],
            'output': _output(found, in_scope),
        }
        record['mechanism'], record['why'] = self._module_mechanism(module, given, weights, found)
        positions = record['output']['positions']
        if positions is not None and positions['padding'] == 'exactly':
            record['why'] += ' NaN is at exactly the positions that the mask marks as padding.'
        return record

    def _module_mechanism(self, module, given, weights, output):
        name = told.cut(health.type_name(module))
        if weights:
            counted = told.tensor(weights[0].path, weights[0].value)
            return 'nan-in-weights', '%s of %s holds NaN itself: %s of %s numbers.' % (
                counted['name'], name, counted.get('nan', '?'), counted.get('elements', '?'))
        if name.lower() in ('softmax', 'logsoftmax') and given:
            dim = health.own_dict(module).get('dim')
            operation = births.Operation('softmax', (given[0].value, -1 if dim is None else dim), {}, output.value)
            return births.mechanism(operation)
        up, down = (sum(told.tensor(item.path, item.value).get(kind, 0) for item in given)
                    for kind in ('posInf', 'negInf'))
        infinite = ' and without infinities'
        if up or down:
            infinite = ', of which %d numbers are +Inf and %d -Inf' % (up, down)
        return 'unknown', '%s turned inputs without NaN%s into NaN%s' % (
            name, infinite, '.' if self._level == 'ops' else '; level ops tells in which operation.')

    # --- operations ---------------------------------------------------------------------------------------------------

    def before_operation(self, thread, function, args, kwargs):
        """What `after_operation` needs; None: nothing to be checked.

        What the operation overwrites is copied before; where that is too large, or not read as it is, LOST stands in
        its place.
        """
        name, in_place = modes.name_of(function)
        if name != 'as_strided' and (modes.is_view(function) or name == 'unsafe_view'):
            return _Before(name, [], args, kwargs, None)
        if name in CREATED or _puts_nan_in(name, args, kwargs):
            return None
        with health.quiet(one_thread=False):
            read, written = _operands(function, args, kwargs, in_place)
            given = nancheck.tensors(read, of_numbers=False)
            if not given or thread.clean.sick(filter(nancheck.can_hold_nan, given)):
                return None
            if written:
                given, args, kwargs = _kept(given, args, kwargs, [item.value for item in nancheck.tensors(written)])
        return _Before(name, given, args, kwargs, written)

    def after_operation(self, thread, before, output, frame):
        if before.written is None:
            self._viewed(thread, before, output)
            return
        self._checked += 1
        with health.quiet(one_thread=False):
            # An operation on a list of tensors in place gives nothing back.
            given_back = [('output', output)] if output is not None else before.written
            # Torch counts a write only after this: what was clean before the operation is asked again.
            found = thread.clean.sick(nancheck.tensors(given_back), known=False)
            if not found or _written(thread, before.given):
                return
            thread.births += 1
            if not self._my_turn():
                return
            operation = _operation(before, output, found[0].value)
            record = self._operation_record(thread.calls.at(frame), operation, before.given, found[0])
        self._hit(record, frame, found[0].value, before.given)

    def _viewed(self, thread, before, output):
        """Numbers of a tensor that is known to be clean, seen in another shape."""
        first = before.args[0] if before.args else None
        if health.library_of(first) == 'torch' and first in thread.clean:
            for item in nancheck.tensors([('output', output)]):
                thread.clean.remember(item.value)

    def _operation_record(self, around, operation, given, found):
        module, root = (around[-1].ref(), around[0].ref()) if around else (None, None)
        record = {
            'level': 'ops', 'op': told.cut(operation.name),
            'module': None if module is None else _named(module, root),
            'source': None if module is None else told.source(module),
            'inputs': [told.tensor(item.path, item.value) for item in given[:MOST_INPUTS]],
            'output': _output(found, [mask for call in around for mask in _in_scope(call.data[1])]),
        }
        record['mechanism'], record['why'] = births.mechanism(operation)
        return record

    # --- a hit --------------------------------------------------------------------------------------------------------

    def _my_turn(self):
        if not self._once:
            return True
        try:
            return bool(self._turn.pop())
        except IndexError:
            return False

    def _hit(self, record, frame, output, given):
        global held
        user = callers.user_frame(frame)
        record.update(at=callers.place(user), stack=callers.stack(frame), thread=threading.current_thread().name,
                      pid=os.getpid(), stop=None)
        if len(self._hits) < MOST_HITS:
            self._hits.append(record)
        if self._once:
            self.stop()
        if self._stop and self._can_stop():
            held = {'output': output, 'inputs': [item.value for item in given]}
            record['stop'] = 'line'
            try:
                record['stop'] = callers.stop(user)
            finally:
                held = None

    def _can_stop(self):
        """In a forked child the parent's debugger is a lifeless copy: waiting for it would never end."""
        debugger = callers.debugger()
        return debugger is not None and (os.getpid() == self._pid or debugger is not self._debugger)


# --- parts of a record ------------------------------------------------------------------------------------------------


def _named(module, root):
    path = calls.path_of(module, root)
    return {'path': told.cut(path), 'class': told.cut(health.type_name(module)),
            'root': told.cut(health.type_name(root or module))}


def _parameters(module):
    """Found of the parameters and buffers of a module and all inside of it: a parent may use those of a child that it
    never calls."""
    torch = health.module('torch')
    pairs = []
    for path, inner in torch.nn.Module.named_modules(module):
        own = health.own_dict(inner)
        for store in ('_parameters', '_buffers'):
            pairs += [('%s.%s' % (path, name) if path else name, value)
                      for name, value in (own.get(store) or {}).items()]
    return nancheck.tensors(pairs)


def _named_masks(named):
    return [(name, value) for name, value in named if 'mask' in name.lower()]


def _in_scope(masks):
    return told.masks([(item.path, item.value) for item in nancheck.alive(masks)])


def _output(found, in_scope):
    return dict(told.tensor(found.path, found.value), positions=told.positions(found.value, in_scope))


def _written(thread, given):
    """Whether an input that nobody wrote to holds NaN after all: memory that torch shares with others."""
    return any(nancheck.holds_nan([item.value])[0] for item in given if item.value in thread.clean)


# --- parts of an operation --------------------------------------------------------------------------------------------


def _operands(function, args, kwargs, in_place):
    """((name, value) pairs of what an operation reads, and of what it writes into), by its schema where it has one."""
    schema = getattr(function, '_schema', None)
    known = {argument.name: argument for argument in schema.arguments} if schema is not None else {}
    names = list(known)
    pairs = [(names[at] if at < len(names) else 'args[%d]' % at, value) for at, value in enumerate(args)]
    read, written = list(pairs), []
    for name, value in list(kwargs.items()):
        if name == 'out' or _is_written(known.get(name)):
            written.append((name, value))
        else:
            read.append((name, value))
    written += [pair for pair in pairs if _is_written(known.get(pair[0]))] if known else pairs[:1] if in_place else []
    return read, written


def _is_written(argument):
    told_ = getattr(argument, 'alias_info', None)
    return bool(getattr(told_, 'is_write', False))


def _kept(given, args, kwargs, written):
    """(given, args, kwargs) with copies of all that shares memory with what is about to be written."""
    places = {nancheck.storage_of(value) for value in written} - {None}
    own, copies, room = {id(value) for value in written}, {}, COPIED
    for item in given:
        if id(item.value) in own or nancheck.storage_of(item.value) in places:
            copy = copies[id(item.value)] = nancheck.copied(item.value, room)
            room -= 0 if copy is None else copy.numel()

    def instead(value):
        if type(value) in (list, tuple):
            return type(value)(map(instead, value))
        copy = copies.get(id(value), value)
        return births.LOST if copy is None and value is not None else copy

    left = [item._replace(value=copies.get(id(item.value), item.value)) for item in given]
    return ([item for item in left if item.value is not None], tuple(map(instead, args)),
            {name: instead(value) for name, value in kwargs.items()})


def _operation(before, output, sick):
    """The Operation that ran; of one on lists of tensors, that on the place in the lists whose output is `sick`."""
    name, args = before.name, before.args
    outputs = output if output is not None else before.written[0][1] if before.written else None
    if name.startswith('foreach_') and type(outputs) in (list, tuple):
        at = next((at for at, value in enumerate(outputs) if value is sick), 0)
        args = tuple(value[at] if type(value) in (list, tuple) and at < len(value) else value for value in args)
        name = name[len('foreach_'):]
    return births.Operation(name, args, before.kwargs, sick)


def _puts_nan_in(name, args, kwargs):
    """Whether an operation is told to write NaN, or only shows the same bits as numbers of another type."""
    values = list(args) + list(kwargs.values())
    if name == 'view' and any(type(value) is health.module('torch').dtype for value in values):
        return True
    return any(type(value) in (float, complex) and value != value for value in values)
