"""Who called: the frames of the program itself below torch, the standard library, installed packages and us.

And the one way to stop the program in such a frame.
"""
import os
import sys

from . import health

INSTALLED = ('site-packages', 'dist-packages')
DEBUGGERS = ('debugpy', '_pydevd_bundle', '_pydevd_frame_eval', '_pydev_bundle')
STANDARD = os.path.dirname(os.path.normpath(os.__file__)) + os.sep
TYPED = ('<stdin>', '<ipython', '<string>')  # What a person typed has no file and is theirs all the same.
OWN = os.path.dirname((lambda: None).__code__.co_filename) or None  # In a debugged program we have no folder.
LONGEST = 12  # frames in a told stack
LONGEST_NAME = 500  # characters

_known = {}


def of_program(file):
    """Whether a code's file name belongs to the program, not to a library, the debugger or the helper."""
    known = _known.get(file)
    if known is None:
        known = _known[file] = _of_program(file)
    return known


def _of_program(file):
    if file.startswith('<') or os.path.dirname(file) == OWN:
        return file.startswith(TYPED)
    parts = file.replace('\\', '/').split('/')
    if parts[-1] == 'pydevd.py' or any(part in INSTALLED or part in DEBUGGERS for part in parts):
        return False
    return not os.path.normpath(file).startswith(STANDARD) and not _of_torch(file)


def _of_torch(file):
    """Also one that runs from its own source tree, which is no installed package."""
    home = getattr(health.module('torch'), '__file__', None)
    if file.startswith('<') or not home:
        return file.startswith('<')
    return os.path.normpath(file).startswith(os.path.dirname(os.path.normpath(home)) + os.sep)


def user_frame(frame):
    """The nearest frame of the program, from `frame` outwards; else the nearest outside torch; None where none is."""
    start, other = frame, None
    while frame is not None:
        if of_program(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    while start is not None and other is None:
        other = None if _of_torch(start.f_code.co_filename) else start
        start = start.f_back
    return other


def place(frame):
    """{'file', 'line', 'function'} of a frame, None for None."""
    if frame is None:
        return None
    code = frame.f_code
    return {'file': code.co_filename[-LONGEST_NAME:], 'line': frame.f_lineno or 0,
            'function': code.co_name[:LONGEST_NAME]}


def stack(frame):
    """The nearest frames outside torch, each as `place` with 'user': those of the program and of its packages."""
    told = []
    while frame is not None and len(told) < LONGEST:
        file = frame.f_code.co_filename
        user = of_program(file)
        if user or not _is_plumbing(file):
            told.append(dict(place(frame), user=user))
        frame = frame.f_back
    return told


def _is_plumbing(file):
    parts = file.replace('\\', '/').split('/')
    return _of_torch(file) or parts[-1] == 'pydevd.py' or any(part in DEBUGGERS for part in parts) or \
        os.path.normpath(file).startswith(STANDARD) and not any(part in INSTALLED for part in parts)


def debugger():
    """pydevd's debugger of this process if somebody is attached to it, else None."""
    pydevd = sys.modules.get('pydevd')
    make = getattr(pydevd, 'get_global_debugger', None)
    held = make() if make is not None else None
    asked = getattr(held, 'is_attached', None)
    return None if held is None or (asked is not None and not asked()) else held


def stop(frame):
    """Stops the program in `frame`. 'line': it stopped on the frame's line and has gone on; 'after': it will stop on
    the frame's next line; None: nobody is attached.

    Stopping here, inside the call, shows the line that is running. pydevd's public `settrace` only stops when the next
    line begins; it takes over where this pydevd is built otherwise.
    """
    held = debugger()
    if held is None or frame is None:
        return None
    import threading
    thread = threading.current_thread()
    try:
        from _pydevd_bundle.pydevd_additional_thread_info import set_additional_thread_info
        from _pydevd_bundle.pydevd_comm_constants import CMD_SET_BREAK
        set_additional_thread_info(thread)
        suspend, wait = held.set_suspend, held.do_wait_suspend
    except (ImportError, AttributeError):
        sys.modules['pydevd'].settrace(
            suspend=True, trace_only_current_thread=True, patch_multiprocessing=False, stop_at_frame=frame)
        return 'after'
    held.set_trace_for_frame_and_parents(frame)
    held.enable_tracing()  # Of this thread, so that stepping works from there on.
    suspend(thread, CMD_SET_BREAK)
    wait(thread, frame, 'line', None)
    return 'line'
