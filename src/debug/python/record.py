"""Records what goes into the modules of a running program and comes out, and every softmax and attention inside with
the line that calls it, into a trace file: one JSON object a line, as src/core/trace/moduleTrace.ts describes them.

A function mode sees softmax and attention. While it is on, torch's own transformer layers leave their fused fast path
for the open one; sites of such layers say so (`fastPathOff`), and options {'functions': False} goes without.
"""
import atexit
import os
import sys

from . import births, callers, health, modes, nancheck, told, watch, whenimported
from .entry import text

MOST = 20000  # lines
PER_CALL = 4  # tensors of one call and port
SOFTMAX = ('softmax', 'log_softmax', '_safe_softmax')
ATTENTION = ('scaled_dot_product_attention', '_scaled_dot_product_attention', 'multi_head_attention_forward',
             '_native_multi_head_attention', '_transformer_encoder_layer_fwd')
BACKENDS = {0: 'math', 1: 'flash', 2: 'efficient', 3: 'cudnn', 4: 'overrideable'}

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
        atexit.register(_recorder.finish)
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
        self._most, self._lines, self._dropped, self._passes = options['most'], 0, 0, 0
        self._pid = os.getpid()
        self._file = open(options['file'], 'a', encoding='ascii')
        self._write({'nanoscopeTrace': 1, 'torch': str(health.module('torch').__version__),
                     'python': '%d.%d.%d' % sys.version_info[:3], 'functions': self._base is not None})

    def status(self):
        return {'recording': self.active, 'lines': self._lines, 'errors': self.errors, 'lastError': self.last_error,
                'left': self.left()}

    def finish(self):
        if not self.active:
            return
        atexit.unregister(self.finish)
        self.stop()
        self._write({'end': {'dropped': self._dropped, 'errors': self.errors, 'lastError': self.last_error}})
        self._file.close()

    def _write(self, line):
        """Whole lines only, at once: the file is read while it grows. A forked child leaves the parent's file alone."""
        if os.getpid() == self._pid and not self._file.closed:
            self._file.write(text(line) + '\n')
            self._file.flush()
            self._lines += 1

    # --- modules ------------------------------------------------------------------------------------------------------

    def before_module(self, module, args, frame):
        around = self.thread.calls
        with health.quiet(one_thread=False):
            named = nancheck.call_arguments(frame, args, told.forward_of(module))
            around.enter(module, frame, None)
            if len(around) == 1:
                self._begin(module, named)
            here = self.thread.pass_
            name = here['paths'].get(id(module))
            path = name if name is not None else '(%s)' % health.type_name(module)
            number = here['calls'][path] = here['calls'].get(path, -1) + 1
            self.thread.where.append((module, path, number))
            site = self._site(path, module, number, None, callers.place(callers.user_frame(frame)))
            self._add(dict(site, **self._special(module)), 'in', nancheck.tensors(named))

    def _begin(self, root, named):
        torch = health.module('torch')
        paths = {id(held): name for name, held in reversed(list(torch.nn.Module.named_modules(root)))}
        in_scope = told.masks(named)
        self.thread.pass_ = {'paths': paths, 'calls': {}, 'masks': in_scope, 'number': self._passes}
        self.thread.where = []
        self._passes += 1
        inputs = [dict(told.tensor(item.path, item.value), name=item.path) for item in
                  nancheck.tensors(named, of_numbers=False)[:64]]
        self._write({'pass': {
            'number': self.thread.pass_['number'], 'root': health.type_name(root),
            'masks': [told.mask(mask) for mask in in_scope],
            'inputs': [{key: one[key] for key in ('name', 'dtype', 'shape') if key in one} for one in inputs],
        }})

    def after_module(self, module, output, call, root, frame):
        with health.quiet(one_thread=False):
            path, number = self._left(module)
            site = self._site(path, module, number, None, callers.place(callers.user_frame(frame)))
            self._add(site, 'out', nancheck.tensors([('output', output)]))

    def _left(self, module):
        where = self.thread.where
        while where:
            held, path, number = where.pop()
            if held is module:
                return path, number
        return '(%s)' % health.type_name(module), 0

    def _special(self, module):
        """Which attention a module was built with, and whether torch would have taken its fast path."""
        own = health.own_dict(module)
        config = health.own_dict(own['config']) if 'config' in own else {}
        kind = config.get('_attn_implementation', config.get('_attn_implementation_internal'))
        special = {'implementation': kind} if type(kind) is str else {}
        if health.type_name(module) == 'TransformerEncoderLayer' and self._base is not None and not own.get('training'):
            special['fastPathOff'] = True
        return special

    # --- functions ----------------------------------------------------------------------------------------------------

    def before_operation(self, function, args, kwargs):
        name = getattr(function, '__name__', '')
        if name not in SOFTMAX and name not in ATTENTION:
            return None
        with health.quiet(one_thread=False):
            backend = None if name in SOFTMAX else _backend(name, args, kwargs)
            named = [('args[%d]' % at, value) for at, value in enumerate(args)] + list(kwargs.items())
            given = nancheck.tensors(named)
            sick = bool(self.thread.clean.sick(given))
        return name, backend, args, kwargs, given, sick

    def after_operation(self, before, output, frame):
        name, backend, args, kwargs, given, sick = before
        user = callers.place(callers.user_frame(frame))
        with health.quiet(one_thread=False):
            where = getattr(self.thread, 'where', None)
            module, path, number = where[-1] if where else (None, '', 0)
            site = dict(self._site(path, module, number, name.strip('_'), user), backend=backend)
            found = nancheck.tensors([('output', output)])
            # Told after the call: what it overwrote would show here.
            self._add(dict(site, **(_poisoned(given) if sick and name in SOFTMAX else {})), 'in', given)
            if not sick and self.thread.clean.sick(found, known=False):
                operation = births.Operation(name.strip('_'), args, kwargs, found[0].value)
                site['mechanism'], site['why'] = births.mechanism(operation)
            self._add(site, 'out', found)

    # --- sites --------------------------------------------------------------------------------------------------------

    def _site(self, path, module, number, op, at):
        here = getattr(self.thread, 'pass_', None)
        return {
            'pass': here['number'] if here is not None else None, 'path': path,
            'class': None if module is None else health.type_name(module), 'call': number, 'op': op, 'at': at,
            'source': None if module is None else told.source(module),
        }

    def _add(self, site, port, found):
        here = getattr(self.thread, 'pass_', None)
        for item in found[:PER_CALL]:
            if self._lines >= self._most:
                self._dropped += 1
                continue
            self._write({'site': dict(site, port=port, tensor=_health(item, here['masks'] if here is not None else []))})
        self._dropped += len(found[PER_CALL:])


def _health(item, in_scope):
    told_ = told.tensor(item.path, item.value)
    told_['positions'] = told.positions(item.value, in_scope)
    return told_


def _poisoned(given):
    """{'poisoned': {'rows', 'keys'}}: rows of scores that hold NaN but not only NaN, and the keys where they do."""
    if not given:
        return {}
    torch = health.module('torch')
    try:
        data = health.prepare(given[0].value, 'torch')
    except health.Skip:
        return {}
    scores = data.ops.block(data.array, ())
    if scores.dim() < 3:
        return {}
    nan = torch.isnan(scores)
    nan = nan & ~torch.all(nan, -1, keepdim=True)
    while nan.dim() > 3:
        nan = torch.any(nan, 1)
    return {'poisoned': {'rows': [told.ranges(line) for line in torch.any(nan, 2).tolist()],
                         'keys': [told.ranges(line) for line in torch.any(nan, 1).tolist()]}}


def _backend(name, args, kwargs):
    """'flash' and the like where torch tells which kernel it would choose."""
    choose = getattr(health.module('torch'), '_fused_sdp_choice', None)
    if choose is None or 'scaled_dot_product' not in name:
        return None
    try:
        return BACKENDS[int(choose(*args, **kwargs))]
    except Exception:  # Arguments that it does not know; the call itself then tells.
        return None
