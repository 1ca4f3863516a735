"""Follows a running program through torch's global module hooks and, in a thread, through a mode: put on, taken off
again without a trace. The guard and the recorder say what is looked at.

Nothing raised in here reaches the program: it is counted. No lock is held, so that a fork in another thread cannot
leave one locked.
"""
import atexit
import sys
import threading

from . import calls, health, modes, nancheck
from .entry import error_text


class _Thread(threading.local):
    """What is known of the thread that asks."""

    def __init__(self):
        self.calls = calls.Calls()
        self.clean = nancheck.Clean()
        self.busy = False
        self.births = 0


class _Here(threading.local):
    """The mode of the thread that asks."""
    mode = None  # _OnThread
    kept = False  # It stays between forward passes.


class _OnThread:
    """A mode on a thread. An error inside of a module leaves it on, and a thread that ends so crashes in torch 1.13:
    Python lets go of this first, in that thread."""

    def __init__(self, mode, ended):
        self.mode, self._ended = mode, ended

    def __del__(self):
        if self.mode is not None:
            self._ended(self)


class Watch:
    """Subclasses look: before_module, after_module, and operation where they were made with a mode."""

    def __init__(self, base, home):
        self._base, self._home = base, home  # Of the modes; None where operations are not looked at.
        self.active, self.thread, self._here = False, _Thread(), _Here()
        self.errors, self.last_error = 0, None
        self._before_hook = self._after_hook = self._constructors = None
        self._on = {}  # By id, the modes that are on in some thread.

    def start(self):
        home = health.module('torch.nn.modules.module')
        self._constructors = modes.constructors(self._base, self._home)
        if self._constructors is not None:
            self._constructors.shield()
        self.active = True
        before, after = self._hooks(nancheck.compiling())
        self._before_hook = home.register_module_forward_pre_hook(before)
        self._after_hook = home.register_module_forward_hook(after)
        # A debugger's own thread runs nothing of the program, and may never come back to take a mode off.
        if not getattr(threading.current_thread(), 'is_pydev_daemon_thread', False):
            self._enter(kept=True)
        atexit.register(self.finish)

    def stop(self):
        """Nothing is looked at any more. A mode of another thread, and one that is at work right now, can only be taken
        off by that thread: at the end of its next module call, for which one hook stays until then."""
        self.active = False
        atexit.unregister(self.finish)
        if self._before_hook is not None:
            self._before_hook.remove()
            self._before_hook = None
        self.thread = _Thread()  # What was kept of every thread goes.
        self._leave()
        self._let_go()

    def finish(self):
        """What the end of the program does."""
        self.stop()

    def left(self):
        """Threads in which a mode of ours does nothing any more but is not off yet."""
        return 0 if self.active else len(self._on)

    def _let_go(self):
        if self.active or self._on:
            return
        if self._after_hook is not None:
            self._after_hook.remove()
            self._after_hook = None
        if self._constructors is not None:
            self._constructors.unshield()
            self._constructors = None

    def _enter(self, kept=False):
        here = self._here
        if self.active and self._base is not None and here.mode is None:
            mode = self._new_mode()
            modes.put_on(mode, self._home)
            here.mode, here.kept = _OnThread(mode, self._ended), kept
            self._on[id(mode)] = mode

    def _leave(self):
        held = self._here.mode
        if held is not None and modes.take_off(held.mode, self._home):
            self._on.pop(id(held.mode), None)
            held.mode = self._here.mode = None

    def _ended(self, held):
        """The thread ends with a mode on; or it is gone already, in the parent of a forked child."""
        if not modes.take_off(held.mode, self._home):
            modes.forget(self._home)
        self._on.pop(id(held.mode), None)
        held.mode = None
        self._let_go()

    def failed(self, error):
        self.errors += 1
        self.last_error = error_text(error)

    # --- hooks: None is returned always, anything else would replace inputs or outputs --------------------------------

    def _hooks(self, compiling):
        """Their first question is torch's own, which torch.compile answers while it looks: nothing of ours is then in
        what it compiles."""
        def before(module, args):
            if compiling():
                return
            self._before(module, args, sys._getframe(1))

        def after(module, args, output):
            if compiling():
                return
            self._after(module, output, sys._getframe(1))

        return before, after

    def _before(self, module, args, frame):
        thread = self.thread
        if not self.active or thread.busy:
            return
        thread.busy = True
        try:
            self.before_module(thread, module, args, frame)
            self._enter()
        except Exception as error:
            self.failed(error)
        finally:
            thread.busy = False

    def _after(self, module, output, frame):
        thread = self.thread
        if thread.busy:
            return
        thread.busy = True
        try:
            root, call = thread.calls.root(), thread.calls.leave(module, frame)
            if not self.active or not (len(thread.calls) or self._here.kept):
                self._leave()
            if not self.active:
                self._let_go()
            elif call is not None:
                self.after_module(thread, module, output, call, root, frame)
        except Exception as error:
            self.failed(error)
        finally:
            thread.busy = False

    # --- operations ---------------------------------------------------------------------------------------------------

    def _new_mode(self):
        watch = self

        class NaNoscopeMode(self._base):
            of_nanoscope = True
            supports_higher_order_operators = True  # Without it newer versions of torch refuse them under a mode.

            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                return watch._operation(function, args, kwargs or {})

            __torch_function__ = __torch_dispatch__

        return NaNoscopeMode()

    def _operation(self, function, args, kwargs):
        thread = self.thread
        if not self.active or thread.busy:
            return function(*args, **kwargs)
        before = self._looked(thread, self.before_operation, function, args, kwargs)
        output = function(*args, **kwargs)
        if before is not None and self.active:
            self._looked(thread, self.after_operation, before, output, sys._getframe(2))
        return output

    def _looked(self, thread, look, *parts):
        thread.busy = True
        try:
            return look(thread, *parts)
        except Exception as error:
            self.failed(error)
            return None
        finally:
            thread.busy = False
