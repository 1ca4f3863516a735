"""Break on the first NaN: watches a running program and stops it in its own line where NaN begins.

NaN begins in a call whose output holds NaN while none of its inputs did before the call. Level 'modules' looks at calls
of torch.nn.Module in every thread, through torch's global forward hooks. Level 'ops' looks at every operation as well:
from `arm` on in the thread that armed, and in every thread while a module's forward pass runs in it, as torch keeps
modes per thread. Not seen: operations outside of modules in other threads, what compiled or scripted code does inside,
and gradients, except those that the CPU computes in a watched thread.
"""
import os
import threading

from . import births, calls, callers, health, modes, nancheck, told, watch, whenimported
from .entry import text

MOST_HITS = 100
COPIED = 1 << 20  # elements of what an operation is about to overwrite
# Made from nothing, or memory that shows what was in it before: NaN in there was put in, not computed.
CREATED = frozenset((
    'empty', 'empty_like', 'empty_strided', 'empty_permuted', 'new_empty', 'new_empty_strided', 'full', 'full_like',
    'new_full', 'fill', 'rand', 'rand_like', 'randn', 'randn_like', 'normal', 'uniform', 'exponential', 'from_file',
    'from_numpy', 'tensor', 'as_tensor', 'scalar_tensor', 'lift', 'lift_fresh', 'lift_fresh_copy', 'resize', 'set',
    'set_data', 'as_strided', 'frombuffer', 'from_dlpack', 'detach', 'alias', 'eye', 'arange', 'linspace', 'zeros',
))

_armed = None
held = None  # While the program is stopped at a hit: {'output': tensor, 'inputs': [tensors]}, for a look at them.


def arm(options=None):
    """JSON text of status(). Options: level 'modules' or 'ops'; once (disarm at the first hit), stop (the program)."""
    global _armed
    options = dict({'level': 'modules', 'once': True, 'stop': True}, **(options or {}))
    if _armed is not None:
        _armed.stop()
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

    waiting: torch is not imported yet; modes: how operations are seen; sickInputs: passes that were given NaN, with the
    first one's; left: threads in which a mode of ours does nothing any more but is not off yet.
    """
    guard = _armed
    told_ = {'armed': False, 'level': 'modules', 'modes': None, 'checked': 0, 'errors': 0, 'lastError': None,
             'sickInputs': {'count': 0, 'first': None}, 'left': 0, 'hits': []} if guard is None else guard.status()
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

    def before_module(self, module, args, frame):
        thread = self.thread
        with health.quiet(one_thread=False):
            named = nancheck.call_arguments(frame, args, told.forward_of(module))
            given = nancheck.tensors(named)
            sick = thread.clean.sick(given)
        thread.calls.enter(module, frame, (named, given, sick, thread.births))
        if sick and len(thread.calls) == 1:
            self._sick += 1
            self._first_sick = self._first_sick or '%s of %s' % (sick[0].path, health.type_name(module))

    def after_module(self, module, output, call, root, frame):
        thread = self.thread
        named, given, sick, before = call.data
        self._checked += 1
        with health.quiet(one_thread=False):
            found = thread.clean.sick(nancheck.tensors([('output', output)]))
            if not found or sick or before != thread.births or self._written(given):
                return
            thread.births += 1
            if not self._my_turn():
                return
            record = self._module_record(module, root, named, given, found[0])
        self._hit(record, frame, found[0].value, given)

    def _written(self, given):
        """Whether an input that nobody wrote to holds NaN after all: memory that torch shares with others."""
        return any(nancheck.holds_nan([item.value])[0] for item in given if item.value in self.thread.clean)

    def _module_record(self, module, root, named, given, found):
        weights = [item for item in _own_parameters(module) if nancheck.holds_nan([item.value])[0]]
        record = {
            'level': 'modules', 'op': None, 'module': _named(module, root), 'source': told.source(module),
            'inputs': [told.tensor(item.path, item.value) for item in given + weights],
            'output': _output(found, told.masks(named)),
        }
        record['mechanism'], record['why'] = _module_mechanism(module, given, weights, found)
        positions = record['output']['positions']
        if positions is not None and positions['padding'] == 'exactly':
            record['why'] += ' NaN is at exactly the positions that the mask marks as padding.'
        return record

    # --- operations ---------------------------------------------------------------------------------------------------

    def before_operation(self, function, args, kwargs):
        """(name, tensors given, args with a copy of what will be overwritten, kwargs); None: nothing to be checked.

        What is overwritten and too large for a copy is left out, and None among args.
        """
        name, in_place = modes.name_of(function)
        if name in CREATED or any(map(_is_nan, args)) or any(map(_is_nan, kwargs.values())):
            return None
        with health.quiet(one_thread=False):
            given = nancheck.tensors(_operands(function, args, kwargs), of_numbers=False)
            if not given or self.thread.clean.sick(filter(nancheck.can_hold_nan, given)):
                return None
            first = given[0]
            if in_place and first.value is args[0]:
                copy = first.value.detach().clone() if first.value.numel() <= COPIED else None
                args = (copy,) + tuple(args[1:])
                given = ([] if copy is None else [first._replace(value=copy)]) + given[1:]
        return name, given, args, kwargs

    def after_operation(self, before, output, frame):
        thread = self.thread
        name, given, args, kwargs = before
        self._checked += 1
        with health.quiet(one_thread=False):
            # Torch counts a write only after this: what was clean before the operation is asked again.
            found = thread.clean.sick(nancheck.tensors([('output', output)]), known=False)
            if not found or self._written(given):
                return
            thread.births += 1
            if not self._my_turn():
                return
            record = self._operation_record(births.Operation(name, args, kwargs, found[0].value), given, found[0])
        self._hit(record, frame, found[0].value, given)

    def _operation_record(self, operation, given, found):
        around = self.thread.calls
        module = around.inner()
        record = {
            'level': 'ops', 'op': operation.name,
            'module': None if module is None else _named(module, around.root()),
            'source': None if module is None else told.source(module),
            'inputs': [told.tensor(item.path, item.value) for item in given],
            'output': _output(found, [mask for call in around.all() for mask in told.masks(call.data[0])]),
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
    return {'path': path, 'class': health.type_name(module), 'root': health.type_name(root or module)}


def _own_parameters(module):
    """Found of the parameters and buffers that belong to this module itself."""
    own = health.own_dict(module)
    return nancheck.tensors([pair for store in ('_parameters', '_buffers') for pair in (own.get(store) or {}).items()])


def _output(found, in_scope):
    return dict(told.tensor(found.path, found.value), positions=told.positions(found.value, in_scope))


def _module_mechanism(module, given, weights, output):
    if weights:
        counted = told.tensor(weights[0].path, weights[0].value)
        return 'nan-in-weights', '%s of %s holds NaN itself: %s of %s numbers.' % (
            weights[0].path, health.type_name(module), counted.get('nan', '?'), counted.get('elements', '?'))
    kind = health.type_name(module).lower()
    if kind in ('softmax', 'logsoftmax') and given:
        dim = health.own_dict(module).get('dim')
        operation = births.Operation('softmax', (given[0].value, -1 if dim is None else dim), {}, output.value)
        return births.mechanism(operation)
    up, down = (sum(told.tensor(item.path, item.value).get(kind, 0) for item in given) for kind in ('posInf', 'negInf'))
    infinite = ', of which %d numbers are +Inf and %d -Inf' % (up, down) if up or down else ' and without infinities'
    return 'unknown', '%s turned inputs without NaN%s into NaN; level ops tells in which operation.' % (
        health.type_name(module), infinite)


def _operands(function, args, kwargs):
    """(name, value) pairs of what an operation reads, named by its schema where it has one."""
    schema = getattr(function, '_schema', None)
    names = [argument.name for argument in schema.arguments] if schema is not None else []
    pairs = [(names[at] if at < len(names) else 'args[%d]' % at, value) for at, value in enumerate(args)]
    return pairs + [(name, value) for name, value in kwargs.items() if name != 'out']


def _is_nan(value):
    return type(value) is float and value != value
