"""Records what goes into the modules of a running program and comes out, and every softmax and attention inside with
the line that calls it, into a trace file: one JSON object a line, as src/core/trace/moduleTrace.ts describes them.

A function mode sees softmax and attention. While it is on, torch's own transformer layers leave their fused fast path
for the open one; sites of such layers say so (`fastPathOff`), and options {'functions': False} goes without.
"""
import itertools
import os
import sys
from collections import namedtuple

from . import births, callers, health, modes, nancheck, told, watch, whenimported
from .entry import text

MOST = 20000  # lines
LARGEST = 64 << 20  # bytes of the file
PER_CALL = 4  # tensors of one call and port
SOFTMAX = ('softmax', 'log_softmax', '_safe_softmax')
ATTENTION = ('scaled_dot_product_attention', '_scaled_dot_product_attention', 'multi_head_attention_forward',
             '_native_multi_head_attention', '_transformer_encoder_layer_fwd')
BACKENDS = {0: 'math', 1: 'flash', 2: 'efficient', 3: 'cudnn', 4: 'overrideable'}

INPUTS = 64  # told of one pass

_Pass = namedtuple('_Pass', 'number paths calls masks samples told')
_Pass.__doc__ = """A forward pass of a whole model: paths by module, calls so far by path, masks, number of samples,
and what was told of tensors."""

_Where = namedtuple('_Where', 'pass_ path call')
_Where.__doc__ = """A module in a pass: its path and which call of it this is."""

_recorder = None


def start(options):
    """JSON text of status(). Options: file (of the trace, made anew), functions, most (lines)."""
    global _recorder
    stop()
    options = dict({'most': MOST, 'functions': True}, **options)
    open(options['file'], 'x').close()  # Here, not after the import of torch: what fails is told to who asked.

    def begin():
        global _recorder
        _recorder = Recorder(options)
        _recorder.start()

    whenimported.do('record', begin)
    return status()


def stop():
    """JSON text of status(); the file is complete."""
    whenimported.cancel('record')
    if _recorder is not None:
        _recorder.finish()
    return status()


def status():
    """JSON text: {'recording', 'waiting', 'lines', 'errors', 'lastError', 'left'}."""
    told_ = {'recording': False, 'lines': 0, 'errors': 0, 'lastError': None, 'left': 0} if _recorder is None else \
        _recorder.status()
    return text(dict(told_, waiting=whenimported.waiting('record')))


class Recorder(watch.Watch):
    def __init__(self, options):
        base, home = modes.functions() if options['functions'] else (None, None)
        watch.Watch.__init__(self, base, home)
        self._most, self._lines, self._bytes, self._dropped = options['most'], 0, 0, 0
        self._full = False
        self._passes = itertools.count()  # Counts right in several threads at once.
        self._pid = os.getpid()
        self._file = open(options['file'], 'a', encoding='ascii')
        self._write({'nanoscopeTrace': 1, 'torch': str(health.module('torch').__version__)[:100],
                     'python': '%d.%d.%d' % sys.version_info[:3], 'functions': self._base is not None})

    def status(self):
        return {'recording': self.active, 'lines': self._lines, 'errors': self.errors, 'lastError': self.last_error,
                'left': self.left()}

    def finish(self):
        """Also where the disk is full: the program does not learn of it."""
        if not self.active:
            return
        self.stop()
        try:
            self._write({'end': {'dropped': self._dropped, 'errors': self.errors, 'lastError': self.last_error}})
            self._file.close()
        except OSError as error:
            self.failed(error)

    def _write(self, line):
        """Whole lines only, at once: the file is read while it grows. A forked child leaves the parent's file alone."""
        if os.getpid() == self._pid and not self._file.closed:
            words = text(line) + '\n'
            self._file.write(words)
            self._file.flush()
            self._lines += 1
            self._bytes += len(words)

    def _record(self, line):
        """A line, while there is room for it and it can be written."""
        if self._full or self._lines >= self._most or self._bytes >= LARGEST:
            self._full = True
            self._dropped += 1
            return
        try:
            self._write(line)
        except OSError as error:  # It need not be tried again.
            self._full = True
            self.failed(error)

    def _end_where_full(self):
        """Not inside `health.quiet`, which keeps modes aside: none could be taken off there."""
        if self._full:
            self.finish()

    # --- modules ------------------------------------------------------------------------------------------------------

    def before_module(self, thread, module, args, frame):
        with health.quiet(one_thread=False):
            named = nancheck.call_arguments(frame, args, told.argument_names(module))
            around = thread.calls.at(frame.f_back)
            here = around[0].data.pass_ if around else self._begin(module, named, frame)
            name = here.paths.get(id(module))
            path = told.cut(name) if name is not None else '(%s)' % told.cut(health.type_name(module))
            number = here.calls[path] = here.calls.get(path, -1) + 1
            thread.calls.enter(module, frame, _Where(here, path, number))
            site = _site(_Where(here, path, number), module, None, callers.place(callers.user_frame(frame)))
            self._add(here, dict(site, **self._special(module)), 'in', nancheck.tensors(named))
        self._end_where_full()

    def _begin(self, root, named, frame):
        """The _Pass that begins here. Its first line says what it is given, and whether it is the inside of one that
        was running already when the recording began."""
        torch = health.module('torch')
        paths = {id(held): name for name, held in reversed(list(torch.nn.Module.named_modules(root)))}
        in_scope = told.masks(named)
        given = nancheck.tensors(named, of_numbers=False)[:INPUTS]
        samples = {mask.shape[0] for mask in in_scope} or \
            {item.value.shape[0] for item in given if item.value.dim() > 1}
        here = _Pass(next(self._passes), paths, {}, in_scope, samples.pop() if len(samples) == 1 else None,
                     nancheck.Remembered())
        inputs = [told.tensor(item.path, item.value) for item in given]
        line = {
            'number': here.number, 'root': told.cut(health.type_name(root)),
            'masks': [told_ for told_ in map(told.mask, in_scope) if told_ is not None],
            'inputs': [{key: one[key] for key in ('name', 'dtype', 'shape') if key in one} for one in inputs],
        }
        self._record({'pass': dict(line, partial=True) if _inside_another(frame) else line})
        return here

    def after_module(self, thread, module, output, call, root, frame):
        with health.quiet(one_thread=False):
            site = _site(call.data, module, None, callers.place(callers.user_frame(frame)))
            self._add(call.data.pass_, site, 'out', nancheck.tensors([('output', output)]))
        self._end_where_full()

    def _special(self, module):
        """Which attention a module was built with, and whether torch would have taken its fast path."""
        own = health.own_dict(module)
        config = health.own_dict(own['config']) if 'config' in own else {}
        kind = config.get('_attn_implementation', config.get('_attn_implementation_internal'))
        special = {'implementation': told.cut(kind, 200)} if type(kind) is str else {}
        if health.type_name(module) == 'TransformerEncoderLayer' and self._base is not None and not own.get('training'):
            special['fastPathOff'] = True
        return special

    # --- functions ----------------------------------------------------------------------------------------------------

    def before_operation(self, thread, function, args, kwargs):
        name = getattr(function, '__name__', '')
        if name not in SOFTMAX and name not in ATTENTION:
            return None
        with health.quiet(one_thread=False):
            backend = None if name in SOFTMAX else _backend(name, args, kwargs)
            named = [('args[%d]' % at, value) for at, value in enumerate(args)] + list(kwargs.items())
            given = nancheck.tensors(named)
            sick = bool(thread.clean.sick(given))
        return name, backend, args, kwargs, given, sick

    def after_operation(self, thread, before, output, frame):
        name, backend, args, kwargs, given, sick = before
        user = callers.place(callers.user_frame(frame))
        with health.quiet(one_thread=False):
            around = thread.calls.at(frame)
            where, module = (around[-1].data, around[-1].ref()) if around else (_Where(None, '', 0), None)
            here = where.pass_
            site = dict(_site(where, module, name.strip('_'), user), backend=backend)
            found = nancheck.tensors([('output', output)])
            poisoned = _poisoned(given, here.samples if here is not None else None) if sick and name in SOFTMAX else {}
            # Told after the call: what it overwrote would show here.
            self._add(here, dict(site, **poisoned), 'in', given)
            if not sick and thread.clean.sick(found, known=False):
                operation = births.Operation(name.strip('_'), args, kwargs, found[0].value)
                site['mechanism'], why = births.mechanism(operation)
                site['why'] = told.cut(why, told.SENTENCE)
            self._add(here, site, 'out', found)
        self._end_where_full()

    # --- sites --------------------------------------------------------------------------------------------------------

    def _add(self, here, site, port, found):
        for item in found[:PER_CALL]:
            self._record({'site': dict(site, port=port, tensor=_health(item, here))})
        self._dropped += len(found[PER_CALL:])


def _site(where, module, op, at):
    return {
        'pass': where.pass_.number if where.pass_ is not None else None, 'path': where.path,
        'class': None if module is None else told.cut(health.type_name(module)), 'call': where.call, 'op': op, 'at': at,
        'source': None if module is None else told.source(module),
    }


def _inside_another(frame):
    """Whether torch is calling another module around the one that `frame` calls."""
    torchs_own = frame.f_code.co_filename
    if frame.f_code.co_name == 'inner':  # Newer versions call the hooks from a function inside `_call_impl`.
        frame = frame.f_back
    outer = frame.f_back
    while outer is not None:
        if outer.f_code.co_name == '_call_impl' and outer.f_code.co_filename == torchs_own:
            return True
        outer = outer.f_back
    return False


def _health(item, here):
    """What a tensor holds. That of one call is mostly given to the next, and is not read again."""
    known = here.told.get(item.value) if here is not None else None
    if known is None:
        known = told.tensor(item.path, item.value)
        finite = not any(known.get(kind, 1) for kind in ('nan', 'posInf', 'negInf'))
        known['positions'] = told.positions(item.value, here.masks if here is not None else [], finite)
        if here is not None:
            here.told.put(item.value, known)
    return dict(known, name=told.cut(item.path))


def _poisoned(given, samples):
    """{'poisoned': {'rows', 'keys'}}: rows of scores that hold NaN but not only NaN, and the keys where they do, for
    each sample; {} where the scores' first axis is none of samples, or of samples times heads."""
    if not given:
        return {}
    torch = health.module('torch')
    try:
        data = health.prepare(given[0].value, 'torch')
    except health.Skip:
        return {}
    scores = data.ops.block(data.array, ())
    first = scores.shape[0] if scores.dim() else 0
    if scores.dim() < 3 or not scores.numel() or samples is not None and first % samples:
        return {}
    nan = torch.isnan(scores)
    nan = nan & ~torch.all(nan, -1, keepdim=True)
    nan = nan.reshape((samples or first, -1) + tuple(scores.shape[-2:])).any(1)
    poisoned = {'rows': [told.ranges(line) for line in torch.any(nan, 2).tolist()],
                'keys': [told.ranges(line) for line in torch.any(nan, 1).tolist()]}
    longest = max(len(line) for part in poisoned.values() for line in part)
    return {'poisoned': poisoned} if longest <= told.RANGES else {}


def _backend(name, args, kwargs):
    """'flash' and the like where torch tells which kernel it would choose."""
    choose = getattr(health.module('torch'), '_fused_sdp_choice', None)
    if choose is None or 'scaled_dot_product' not in name:
        return None
    try:
        return BACKENDS[int(choose(*args, **kwargs))]
    except Exception:  # Arguments that it does not know; the call itself then tells.
        return None
