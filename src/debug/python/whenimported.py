"""Does things as soon as the program has imported torch."""
import sys
import threading

_waiting = {}  # What waits, by a name of its own: {name: function}
_watcher = None


def do(name, function):
    """Calls `function` now where torch is there, else once it is; in place of what waited under this name."""
    global _watcher
    cancel(name)
    if _complete():
        function()
        return
    _waiting[name] = function
    if _watcher is None:
        _watcher = _Watcher()
        if 'torch' in sys.modules:
            _watcher.wait()
        else:
            sys.meta_path.insert(0, _watcher)


def cancel(name):
    """What waits under this name waits no longer."""
    global _watcher
    _waiting.pop(name, None)
    if not _waiting:
        if _watcher is not None and _watcher in sys.meta_path:
            sys.meta_path.remove(_watcher)
        _watcher = None


def waiting(name):
    return name in _waiting


def _complete():
    """Whether torch is imported to its end: a stop inside `import torch` finds a part of it."""
    spec = getattr(sys.modules.get('torch'), '__spec__', None)
    return spec is not None and not getattr(spec, '_initializing', False)


class _Watcher:
    """A finder that finds nothing itself: it only learns when the import of torch begins, and has its loader tell when
    it has ended."""

    def __init__(self):
        self._looking = False

    def wait(self):
        """The import has begun already, in another thread or in this one below us: its lock is free when it ends."""
        def imported():
            try:
                import torch  # noqa: F401
            except Exception:  # It failed, as it will tell the program.
                return
            self._imported()

        thread = threading.Thread(target=imported, daemon=True)
        thread.is_pydev_daemon_thread = True  # No thread of the program: the debugger does not list or stop it.
        thread.start()

    def find_spec(self, name, path=None, target=None):
        if name != 'torch' or self._looking:
            return None
        self._looking = True
        try:
            spec = self._found(path, target)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            self._wrap(spec)
        return spec

    def _found(self, path, target):
        for finder in list(sys.meta_path):
            look = getattr(finder, 'find_spec', None)
            spec = look('torch', path, target) if finder is not self and look is not None else None
            if spec is not None:
                return spec
        return None

    def _wrap(self, spec):
        """The loader runs the module as always and arms then; nothing of it is left afterwards."""
        loader = spec.loader
        run = loader.exec_module
        watcher = self

        def exec_module(module):
            loader.__dict__.pop('exec_module', None)
            run(module)
            watcher._imported()

        try:
            loader.exec_module = exec_module
        except AttributeError:
            pass  # A loader that takes no attribute is left alone.

    def _imported(self):
        if _watcher is not self:
            return
        for name, function in list(_waiting.items()):
            cancel(name)
            try:
                function()
            except Exception:  # The program's import must end as it would without us.
                continue
