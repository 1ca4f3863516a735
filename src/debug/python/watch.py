"""Follows a running program through torch's global module hooks and, in a thread, through a mode: put on, taken off
again without a trace. The guard and the recorder say what is looked at.

Nothing raised in here reaches the program: it is counted. No lock is held, so that a fork in another thread cannot
leave one locked.
"""
import sys
import threading
import weakref

from . import calls, health, modes, nancheck
from .entry import error_text


class _Thread(threading.local):
    """What is known of the thread that asks."""

    def __init__(self):
        self.calls = calls.Calls()
        self.clean = nancheck.Clean()
        self.mode = None
        self.kept = False  # The mode stays between forward passes.
        self.busy = False
        self.births = 0


class Watch:
    """Subclasses look: before_module, after_module, and operation where they were made with a mode."""

    def __init__(self, base, home):
        self._base, self._home = base, home  # Of the modes; None where operations are not looked at.
        self.active, self.thread = False, _Thread()
        self.errors, self.last_error = 0, None
        self._before_hook = self._after_hook = None
        self._on = []  # Weak references to modes that are on in some thread; that of a dead thread goes with it.

    def start(self):
        home = health.module('torch.nn.modules.module')
        self.active = True
        self._before_hook = home.register_module_forward_pre_hook(self._before)
        self._after_hook = home.register_module_forward_hook(self._after)
        # A debugger's own thread runs nothing of the program, and may never come back to take a mode off.
        if not getattr(threading.current_thread(), 'is_pydev_daemon_thread', False):
            self._enter(kept=True)

    def stop(self):
        """Nothing is looked at any more. A mode of another thread, and one that is at work right now, can only be taken
        off by that thread: at the end of its next module call, for which one hook stays until then."""
        self.active = False
        if self._before_hook is not None:
            self._before_hook.remove()
            self._before_hook = None
        self._leave()
        self._let_go()

    def left(self):
        """Threads in which a mode of ours does nothing any more but is not off yet."""
        return 0 if self.active else len(self._on)

    def _let_go(self, gone=None):
        if gone is not None:
            self._on = [ref for ref in self._on if ref is not gone]
        if not self.active and not self._on and self._after_hook is not None:
            self._after_hook.remove()
            self._after_hook = None

    def _enter(self, kept=False):
        thread = self.thread
        if self._base is not None and thread.mode is None:
            mode = self._mode()
            modes.put_on(mode, self._home)
            thread.mode, thread.kept = mode, kept
            self._on.append(weakref.ref(mode, self._let_go))

    def _leave(self):
        thread = self.thread
        if thread.mode is not None and modes.take_off(thread.mode, self._home):
            self._on = [ref for ref in self._on if ref() is not thread.mode]
            thread.mode = None

    def failed(self, error):
        self.errors += 1
        self.last_error = error_text(error)

    # --- hooks: None is returned always, anything else would replace inputs or outputs --------------------------------

    def _before(self, module, args):
        thread = self.thread
        if not self.active or thread.busy or nancheck.compiling():
            return
        thread.busy = True
        try:
            self.before_module(module, args, sys._getframe(1))
            self._enter()
        except Exception as error:
            self.failed(error)
        finally:
            thread.busy = False

    def _after(self, module, args, output):
        thread = self.thread
        if thread.busy:
            return
        thread.busy = True
        try:
            root, call = thread.calls.root(), thread.calls.leave(module)
            if not self.active or not (len(thread.calls) or thread.kept):
                self._leave()
            if not self.active:
                self._let_go()
            elif call is not None and not nancheck.compiling():
                self.after_module(module, output, call, root, sys._getframe(1))
        except Exception as error:
            self.failed(error)
        finally:
            thread.busy = False

    # --- operations ---------------------------------------------------------------------------------------------------

    def _mode(self):
        watch = self

        class NaNoscopeMode(self._base):
            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                return watch._operation(function, args, kwargs or {})

            __torch_function__ = __torch_dispatch__

        return NaNoscopeMode()

    def _operation(self, function, args, kwargs):
        thread = self.thread
        if not self.active or thread.busy:
            return function(*args, **kwargs)
        before = self._looked(self.before_operation, function, args, kwargs)
        output = function(*args, **kwargs)
        if before is not None:
            self._looked(self.after_operation, before, output, sys._getframe(2))
        return output

    def _looked(self, look, *parts):
        self.thread.busy = True
        try:
            return look(*parts)
        except Exception as error:
            self.failed(error)
            return None
        finally:
            self.thread.busy = False
