"""What following a program leaves in it: nothing kept alive, nothing changed, nothing that raises."""
import gc
import os
import subprocess
import sys
import threading
import types
import unittest
import weakref

import torch

from guarding import INF, NAN, Guarded, Made, Outer, guard, hooks, modes_on, status


def failing(value):
    raise ZeroDivisionError


class Catching(torch.nn.Module):
    """Goes on after an error inside."""

    def __init__(self):
        super().__init__()
        self.wrong, self.after = Made(failing), torch.nn.Identity()

    def forward(self, value):
        try:
            self.wrong(value)
        except ZeroDivisionError:
            pass
        return value.softmax(-1)


class Exceptions(Guarded):
    def test_the_module_that_is_running_is_told(self):
        for level in ('ops', 'modules'):
            with self.subTest(level):
                self.arm(level=level)
                Catching()(torch.full((1, 2), -INF))
                self.assertEqual(self.only()['module'], {'path': '', 'class': 'Catching', 'root': 'Catching'})

    def test_a_module_inside_itself(self):
        class Again(torch.nn.Module):
            def forward(self, value, inner=False):
                if inner:
                    raise ZeroDivisionError
                try:
                    self(torch.full((2,), NAN), True)
                except ZeroDivisionError:
                    pass
                return value / value

        self.arm(level='modules')
        Again()(torch.zeros(2))
        self.assertEqual(self.only()['module']['class'], 'Again')

    def test_many_of_them_leave_no_root_behind(self):
        self.arm(level='modules')
        for depth in range(20):
            with self.assertRaises(ZeroDivisionError):
                torch.nn.Sequential(Made(failing))(torch.zeros(1))
            call = torch.nn.Identity()
            for _ in range(depth % 4):
                call = (lambda inner: lambda value: inner(value))(call)
            call(torch.zeros(1))
            self.assertEqual(len(guard._armed.thread.calls), 0)


class KeptAlive(Guarded):
    def alive(self, *references):
        gc.collect()
        return [reference() is not None for reference in references]

    def test_nothing_after_a_hit(self):
        for level in ('modules', 'ops'):
            with self.subTest(level):
                model, value = Outer(Made(lambda given: given / given)), torch.zeros(10)
                references = weakref.ref(model), weakref.ref(value)
                self.arm(level=level, once=True)
                model(value)
                self.only()
                del model, value
                self.assertEqual(self.alive(*references), [False, False])

    def test_nothing_after_an_error(self):
        model, value = Outer(Made(failing)), torch.zeros(10)
        references = weakref.ref(model), weakref.ref(value)
        self.arm()
        with self.assertRaises(ZeroDivisionError):
            model(value)
        del model, value
        self.assertEqual(self.alive(*references), [False, False])

    def test_nothing_of_a_thread_that_waits_after_an_error(self):
        made, go = {}, threading.Event()

        def run():
            model, value = Made(failing), torch.zeros(10)
            made['references'] = weakref.ref(model), weakref.ref(value)
            try:
                model(value)
            except ZeroDivisionError:
                pass
            del model, value
            ready.set()
            go.wait(30)

        ready = threading.Event()
        self.arm()
        thread = threading.Thread(target=run)
        thread.start()
        ready.wait(30)
        guard.disarm()
        self.assertEqual(self.alive(*made['references']), [False, False])
        go.set()
        thread.join()
        gc.collect()


class Rearmed(Guarded):
    def test_modes_of_guards_that_were_replaced_are_counted(self):
        inside, go = threading.Event(), threading.Event()

        def wait(value):
            inside.set()
            go.wait(30)
            return value

        self.arm()
        thread = threading.Thread(target=Made(wait), args=(torch.zeros(1),))
        thread.start()
        inside.wait(30)
        self.arm()
        self.arm()
        self.assertEqual(status()['left'], 1)
        go.set()
        thread.join()
        gc.collect()
        self.assertEqual(status()['left'], 0)

    def test_while_stopped_at_a_hit(self):
        stops = []

        def stop(frame):
            stops.append(frame.f_code.co_name)
            if len(stops) < 3:
                guard.arm({'level': 'ops', 'once': True, 'stop': True})

        def three(value):
            born = value / value
            again = value * 0 + INF - INF
            return born + again + torch.log(value - 1)

        held = guard.callers.stop, guard.callers.debugger
        guard.callers.stop, guard.callers.debugger = stop, lambda: 1
        try:
            self.arm(once=True, stop=True)
            torch.nn.Sequential(Made(three), torch.nn.Identity())(torch.zeros(2))
        finally:
            guard.callers.stop, guard.callers.debugger = held
        self.assertEqual(stops, ['three'] * 3)


class Torch(Guarded):
    """What torch itself does worse under a mode, or keeps of one."""

    def test_tensors_can_be_made_in_every_way(self):
        class Sub(torch.Tensor):
            pass

        ways = (
            lambda: torch.Tensor([1.0]), lambda: torch.Tensor(2, 2), lambda: torch.FloatTensor([1.0]),
            lambda: torch.nn.Parameter(torch.Tensor(3)), lambda: torch.Tensor(torch.ones(2)), lambda: Sub([1.0]),
            lambda: torch.ones(2).as_subclass(Sub), lambda: torch.ones(2).as_subclass(torch.nn.Parameter),
            lambda: torch.nn.utils.weight_norm(torch.nn.Linear(2, 2)),
            lambda: Made(lambda value: value + torch.Tensor([1.0]))(torch.zeros(1)),
        )
        plain = torch.Tensor.__new__, torch.Tensor.as_subclass
        for at, way in enumerate(ways):
            with self.subTest(at):
                self.arm()
                made = way()
                guard.disarm()
                self.assertIs(type(made), type(way()))
        self.assertEqual((torch.Tensor.__new__, torch.Tensor.as_subclass), plain)
        self.assertNotIn('__new__', vars(torch.Tensor))

    def test_after_a_tensor_was_made_the_mode_is_on_again(self):
        self.arm()
        torch.Tensor([0.0]) / torch.Tensor([0.0])
        self.assertEqual((self.only()['op'], len(modes_on())), ('div', 1))

    def test_flags_of_the_process_are_put_back(self):
        """Newer versions of torch keep them; each mode restores what it met, which was another mode's."""
        home, local = types.ModuleType('modes'), threading.local()
        home._is_in_torch_dispatch_mode = False

        def stack():
            local.__dict__.setdefault('held', [])
            return local.held

        class TorchDispatchMode:
            def __enter__(self):
                self.met, home._is_in_torch_dispatch_mode = home._is_in_torch_dispatch_mode, True
                stack().append(self)

            def __exit__(self, *error):
                home._is_in_torch_dispatch_mode = self.met
                stack().pop()

        home.TorchDispatchMode, home._get_current_dispatch_mode_stack = TorchDispatchMode, stack
        home._push_mode, home._pop_mode = (lambda mode: stack().append(mode)), lambda: stack().pop()
        first, second = TorchDispatchMode(), TorchDispatchMode()
        on, go = threading.Event(), threading.Event()

        def other():
            guard.modes.put_on(second, home)
            on.set()
            go.wait(30)
            guard.modes.take_off(second, home)

        guard.modes.put_on(first, home)
        thread = threading.Thread(target=other)
        thread.start()
        on.wait(30)
        self.assertTrue(guard.modes.take_off(first, home))
        go.set()
        thread.join()
        self.assertFalse(home._is_in_torch_dispatch_mode)

    def test_what_is_compiling_sees_nothing_of_ours(self):
        compiler = types.ModuleType('torch.compiler')
        compiler.is_compiling = lambda: True
        held = sys.modules.get('torch.compiler')
        sys.modules['torch.compiler'] = compiler
        try:
            self.arm(level='modules')
            Made(lambda value: value / value)(torch.zeros(1))
        finally:
            del sys.modules['torch.compiler']
            if held is not None:
                sys.modules['torch.compiler'] = held
        self.assertEqual((self.hits(), status()['checked']), ([], 0))

    def test_function_modes_where_there_are_no_others(self):
        dispatch = guard.modes.dispatch
        guard.modes.dispatch = lambda: (None, None)
        try:
            self.arm()
        finally:
            guard.modes.dispatch = dispatch
        self.assertEqual(status()['modes'], 'function')
        torch.nn.Parameter(torch.Tensor(3))
        torch.zeros(2).div_(torch.zeros(2))
        self.assertEqual((self.only()['op'], self.only()['mechanism']), ('div', 'zero-over-zero'))


class Callers(unittest.TestCase):
    def test_torch_outside_of_installed_packages_is_no_program(self):
        home = os.path.dirname(torch.__file__)
        held, torch.__file__ = torch.__file__, os.path.join(os.sep, 'src', 'pytorch', 'torch', '__init__.py')
        try:
            known = {file: guard.callers._of_program(file) for file in (
                '/src/pytorch/torch/nn/functional.py', '/src/torch/train.py', '<string>', '<stdin>', '<frozen os>',
                os.path.join(home, 'overrides.py'))}
        finally:
            torch.__file__ = held
        self.assertEqual([at for at, is_program in known.items() if is_program],
                         ['/src/torch/train.py', '<string>', '<stdin>'])

    def test_a_program_given_as_text(self):
        program = (
            'import importlib, support, torch\n'
            'guard = importlib.import_module(support.NAME + ".guard")\n'
            'guard.arm({"level": "ops", "stop": False})\n'
            'torch.zeros(1) / torch.zeros(1)\n'
            'print(support.read(guard.status())["hits"][0]["at"])\n'
        )
        done = subprocess.run([sys.executable, '-B', '-c', program], cwd=os.path.dirname(os.path.abspath(__file__)),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
        self.assertEqual((done.stdout, done.stderr),
                         ("{'file': '<string>', 'line': 4, 'function': '<module>'}\n", ''))


del hooks
if __name__ == '__main__':
    unittest.main()
