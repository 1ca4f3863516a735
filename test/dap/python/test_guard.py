"""The guard inside a running program: where NaN begins, once, in every thread, and nothing left behind."""
import json
import os
import sys
import threading
import unittest

import torch

from guarding import INF, NAN, Guarded, Made, Masked, Outer, guard, hooks, modes_on, scores, status


class Operations(Guarded):
    def test_a_fully_masked_row(self):
        table, mask = scores()
        module = Outer(Masked())
        self.arm()
        line = sys._getframe().f_lineno + 1
        module.inner(table, attention_mask=mask)
        hit = self.only()
        self.assertEqual((hit['op'], hit['mechanism'], hit['level']), ('softmax', 'fully-masked-row', 'ops'))
        self.assertEqual(hit['why'], 'softmax over axis -1: 2 of 8 rows hold nothing but -Inf, so the sum below is 0.')
        self.assertEqual(hit['module'], {'path': '', 'class': 'Masked', 'root': 'Masked'})
        # Its own line is inside `forward`; the call that led there is on the stack.
        self.assertEqual(hit['at']['function'], 'forward')
        self.assertIn(line, [place['line'] for place in hit['stack']])
        self.assertEqual([(item['name'], item['nan'], item['negInf']) for item in hit['inputs']], [('self', 0, 19)])
        self.assertEqual(hit['output']['nan'], 8)
        self.assertEqual(hit['output']['positions']['nan'], ['0-1', ''])
        self.assertEqual(hit['output']['positions']['padding'], 'exactly')

    def test_the_path_of_a_module_in_its_model(self):
        table, _ = scores()
        model = torch.nn.Sequential(torch.nn.Identity(), Outer(Masked()))
        self.arm()
        model(table)
        self.assertEqual(self.only()['module'], {'path': '1.inner', 'class': 'Masked', 'root': 'Sequential'})

    def test_every_mechanism_that_an_operation_can_have(self):
        ones, zeros = torch.ones(3), torch.zeros(3)
        infinite = torch.full((3,), INF)
        cases = (
            ('score-overflow', lambda: torch.tensor([1.0, INF]).softmax(0)),
            ('zero-over-zero', lambda: zeros / zeros),
            ('inf-over-inf', lambda: infinite / infinite),
            ('zero-times-inf', lambda: zeros * infinite),
            ('zero-times-inf', lambda: zeros[None] @ infinite[:, None]),
            ('inf-minus-inf', lambda: infinite - infinite),
            ('inf-minus-inf', lambda: infinite + -infinite),
            ('inf-minus-inf', lambda: torch.stack((infinite, -infinite)).sum()),
            ('log-of-negative', lambda: (-ones).log()),
            ('sqrt-of-negative', lambda: (-ones).sqrt()),
            ('sqrt-of-negative', lambda: (-ones).rsqrt()),
            ('pow-of-negative', lambda: (-ones) ** 0.5),
            ('zero-over-zero', lambda: torch.zeros(0).mean()),
            ('unknown', lambda: (2 * ones).acos()),
        )
        for mechanism, make in cases:
            with self.subTest(mechanism):
                self.arm()
                self.assertTrue(torch.isnan(make()).any())
                self.assertEqual(self.only()['mechanism'], mechanism)

    def test_only_where_it_begins(self):
        self.arm()
        sick = torch.zeros(2) / torch.zeros(2)
        (sick + 1).exp().softmax(0)
        self.assertEqual(self.only()['op'], 'div')

    def test_in_place(self):
        value = torch.zeros(4)
        self.arm()
        value.div_(torch.zeros(4))
        hit = self.only()
        self.assertEqual((hit['op'], hit['mechanism']), ('div', 'zero-over-zero'))
        # What it was before it was overwritten.
        self.assertEqual(hit['inputs'][0]['nan'], 0)

    def test_out_and_views(self):
        value = torch.ones(2, 2)
        self.arm()
        torch.div(torch.zeros(2), torch.zeros(2), out=value[0])
        self.assertEqual(self.only()['op'], 'div')

    def test_what_is_put_in_is_not_born(self):
        self.arm()
        torch.full((2,), NAN)
        torch.tensor([NAN])
        torch.empty(1000).fill_(NAN)
        torch.zeros(2).masked_fill(torch.tensor([True, False]), NAN)
        torch.where(torch.tensor([True, False]), torch.tensor(NAN), torch.zeros(2))
        torch.from_numpy(__import__('numpy').array([NAN]))
        torch.ones(2) * NAN
        self.assertEqual(self.hits(), [])

    def test_integers_booleans_and_empty_tensors(self):
        self.arm()
        torch.ones(3, dtype=torch.int64) // 2
        torch.ones(3, dtype=torch.bool) & torch.zeros(3, dtype=torch.bool)
        torch.zeros(0) / torch.zeros(0)
        torch.arange(3)[torch.tensor([0, 2])]
        self.assertEqual(self.hits(), [])
        torch.zeros(2, dtype=torch.int64) / torch.zeros(2, dtype=torch.int64)
        self.assertEqual(len(self.hits()), 1)

    def test_several_outputs(self):
        self.arm()
        torch.var_mean(torch.ones(1))
        self.assertEqual(self.only()['mechanism'], 'zero-over-zero')

    def test_half_and_complex(self):
        self.arm()
        torch.zeros(2).bfloat16() / torch.zeros(2).bfloat16()
        torch.zeros(2, dtype=torch.complex64) / torch.zeros(2, dtype=torch.complex64)
        self.assertEqual(len(self.hits()), 2)

    def test_without_gradients_and_with(self):
        for context in (torch.no_grad, torch.enable_grad, torch.inference_mode):
            with self.subTest(context.__name__):
                self.arm()
                with context():
                    torch.nn.Linear(2, 2)(torch.zeros(1, 2)).mul(0).log().mul(0)
                self.assertEqual(self.only()['op'], 'mul')

    def test_gradients_are_as_without(self):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.GELU(), torch.nn.Linear(4, 1))
        value = torch.randn(3, 4)

        def step():
            model.zero_grad()
            model(value).sum().backward()
            return [parameter.grad.clone() for parameter in model.parameters()]

        plain = step()
        self.arm()
        guarded = step()
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(plain, guarded)))
        self.assertEqual(self.hits(), [])
        self.assertGreater(status()['checked'], 5)

    def test_random_numbers_are_as_without(self):
        torch.manual_seed(5)
        plain = torch.nn.functional.dropout(torch.randn(100), 0.5)
        torch.manual_seed(5)
        self.arm()
        self.assertTrue(torch.equal(plain, torch.nn.functional.dropout(torch.randn(100), 0.5)))

    def test_versions_are_not_counted_up(self):
        value = torch.zeros(4)
        self.arm()
        value.add_(1)
        self.assertEqual(value._version, 1)

    def test_an_error_of_the_program_is_its_own(self):
        self.arm()
        with self.assertRaisesRegex(RuntimeError, 'must match'):
            torch.ones(2) + torch.ones(3)
        with self.assertRaisesRegex(ValueError, 'mine'):
            Made(lambda: (_ for _ in ()).throw(ValueError('mine')))()
        torch.zeros(1) / torch.zeros(1)
        self.assertEqual(len(self.hits()), 1)

    def test_modes_of_the_program_stay_in_order(self):
        from torch.utils._python_dispatch import TorchDispatchMode

        class Counting(TorchDispatchMode):
            calls = 0

            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                Counting.calls += 1
                return function(*args, **(kwargs or {}))

        mine = Counting()
        with mine:
            self.arm()
            torch.zeros(2) / torch.zeros(2)
            self.assertIs(modes_on()[-1], mine)
        self.assertGreaterEqual(Counting.calls, 3)
        self.assertEqual(len(modes_on()), 1)
        self.assertEqual(len(self.hits()), 1)


class Modules(Guarded):
    level = 'modules'

    def test_the_innermost_module(self):
        table, mask = scores()
        model = torch.nn.Sequential(torch.nn.Identity(), Outer(Masked()))
        self.arm()
        model(table)
        hit = self.only()
        self.assertEqual(hit['module'], {'path': '1.inner', 'class': 'Masked', 'root': 'Sequential'})
        self.assertEqual((hit['op'], hit['mechanism']), (None, 'unknown'))
        self.assertIn('of which 0 numbers are +Inf and 19 -Inf', hit['why'])
        self.assertIn('level ops', hit['why'])
        self.assertEqual(hit['at']['function'], 'forward')

    def test_keyword_arguments_and_nested_outputs(self):
        class Answer:
            pass

        module = Made(lambda value, more: {'logits': [value, (value - value, more / more)]})
        self.arm()
        module(torch.ones(2), more=torch.zeros(2))
        hit = self.only()
        self.assertEqual([item['name'] for item in hit['inputs']], ['args[0]', 'more'])
        self.assertEqual(hit['output']['name'], "output['logits'][1][1]")

    def test_nan_in_weights(self):
        model = torch.nn.Sequential(torch.nn.Linear(2, 2))
        with torch.no_grad():
            model[0].weight[0, 1] = NAN
        self.arm()
        model(torch.ones(1, 2))
        hit = self.only()
        self.assertEqual((hit['mechanism'], hit['module']['path']), ('nan-in-weights', '0'))
        self.assertEqual(hit['why'], 'weight of Linear holds NaN itself: 1 of 4 numbers.')

    def test_a_softmax_module_tells_its_mechanism(self):
        table, _ = scores()
        self.arm()
        torch.nn.Softmax(-1)(table)
        self.assertEqual(self.only()['mechanism'], 'fully-masked-row')

    def test_nan_that_is_given(self):
        self.arm()
        torch.nn.Linear(2, 2)(torch.full((1, 2), NAN))
        self.assertEqual(self.hits(), [])
        self.assertEqual(status()['sickInputs'], {'count': 1, 'first': 'input of Linear'})

    def test_once(self):
        self.arm(once=True)
        divide = Made(lambda value: value / value)
        divide(torch.zeros(2))
        divide(torch.zeros(2))
        self.only()
        self.assertFalse(status()['armed'])
        self.assertFalse(hooks._global_forward_hooks)

    def test_after_an_exception_inside(self):
        def fails():
            raise KeyError('inside')

        model = torch.nn.Sequential(Made(lambda value: fails()))
        self.arm()
        with self.assertRaises(KeyError):
            model(torch.zeros(2))
        Outer(Made(lambda value: value / value))(torch.zeros(2))
        self.assertEqual(self.only()['module']['path'], 'inner')
        self.assertEqual(self.only()['module']['root'], 'Outer')

    def test_outputs_without_tensors_and_odd_ones(self):
        class Odd:
            def __getattr__(self, name):
                raise AssertionError(name)

            def __iter__(self):
                raise AssertionError('iter')

        cyclic = []
        cyclic.append(cyclic)
        self.arm()
        for odd in (None, Odd(), cyclic, 'text', {1, 2}, (value for value in (1, 2))):
            Made(lambda: odd)()
        self.assertEqual(self.hits(), [])


class Threads(Guarded):
    def test_a_module_in_another_thread(self):
        table, _ = scores()
        self.arm()
        thread = threading.Thread(target=Outer(Masked()), args=(table,), name='second')
        thread.start()
        thread.join()
        hit = self.only()
        self.assertEqual((hit['thread'], hit['op']), ('second', 'softmax'))

    def test_one_hit_of_many_threads_at_once(self):
        table, _ = scores()
        self.arm(once=True)
        start = threading.Barrier(8)

        def run():
            start.wait()
            for _ in range(20):
                Masked()(table)

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.only()
        self.assertFalse(status()['armed'])

    def test_disarmed_while_another_thread_is_inside_a_module(self):
        inside, go = threading.Event(), threading.Event()

        def wait(value):
            inside.set()
            go.wait(30)
            return value / value

        self.arm()
        thread = threading.Thread(target=Outer(Made(wait)), args=(torch.zeros(2),))
        thread.start()
        inside.wait(30)
        guard.disarm()
        go.set()
        thread.join()
        self.assertEqual(self.hits(), [])

    @unittest.skipUnless(hasattr(os, 'fork'), 'no fork here')
    def test_a_forked_child_goes_on_by_itself(self):
        # In a process of its own: a fork beside the threads of the other tests may hang for reasons of torch.
        import subprocess
        program = (
            'import os, sys, importlib\n'
            'import support, torch\n'
            'torch.set_num_threads(1)\n'
            'guard = importlib.import_module(support.NAME + ".guard")\n'
            'guard.arm({"level": "ops", "stop": True})\n'
            'child = os.fork()\n'
            'torch.nn.Linear(1, 1)(torch.zeros(1)).mul(0).log().mul(0)\n'
            'if child == 0:\n'
            '    os._exit(len(support.read(guard.status())["hits"]))\n'
            'print(os.WEXITSTATUS(os.waitpid(child, 0)[1]), len(support.read(guard.status())["hits"]))\n'
        )
        done = subprocess.run([sys.executable, '-B', '-c', program], cwd=os.path.dirname(os.path.abspath(__file__)),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
        self.assertEqual((done.stdout, done.stderr), ('1 1\n', ''))


class Arming(unittest.TestCase):
    def test_twice_and_off_twice(self):
        for level in ('modules', 'ops', 'modules'):
            guard.arm({'level': level})
            self.assertEqual((status()['armed'], status()['level']), (True, level))
        self.assertEqual(len(hooks._global_forward_hooks), 1)
        guard.disarm()
        guard.disarm()
        self.assertEqual((len(hooks._global_forward_hooks), modes_on()), (0, []))
        self.assertFalse(status()['armed'])

    def test_in_a_thread_of_the_debugger(self):
        """Nothing of the program runs in it, so a mode there would watch nothing, and nobody could take it off."""
        thread = threading.Thread(target=guard.arm, args=({'level': 'ops', 'stop': False},))
        thread.is_pydev_daemon_thread = True
        thread.start()
        thread.join()
        Made(lambda value: value / value)(torch.zeros(2))
        self.assertEqual([hit['op'] for hit in status()['hits']], ['div'])
        guard.disarm()
        self.assertEqual((status()['left'], len(hooks._global_forward_hooks)), (0, 0))

    def test_when_torch_is_imported(self):
        """Before, in the middle of, and after the import."""
        import subprocess
        program = (
            'import sys, threading, importlib, json\n'
            'sys.path.insert(0, %r)\n'
            'import support\n'
            'guard = importlib.import_module(support.NAME + ".guard")\n'
            'when = sys.argv[1]\n'
            'def arm():\n'
            '    state = support.read(guard.arm_when_imported({"level": "ops", "stop": False}))\n'
            '    return state["armed"], state["waiting"]\n'
            'if when == "before":\n'
            '    print(*arm())\n'
            'if when == "middle":\n'
            '    class Middle:\n'
            '        def find_spec(self, name, path=None, target=None):\n'
            '            if name == "torch.nn" and self in sys.meta_path:\n'
            '                sys.meta_path.remove(self)\n'
            '                thread = threading.Thread(target=lambda: print(*arm()))\n'
            '                thread.start()\n'
            '                thread.join()\n'
            '    sys.meta_path.insert(0, Middle())\n'
            'if when == "never":\n'
            '    print(*arm())\n'
            '    guard.disarm()\n'
            'finders = len(sys.meta_path)\n'
            'import torch\n'
            'if when == "after":\n'
            '    print(*arm())\n'
            'import time\n'
            'end = time.time() + 30\n'
            'while when == "middle" and not support.read(guard.status())["armed"] and time.time() < end:\n'
            '    time.sleep(0.01)\n'
            'class Divide(torch.nn.Module):\n'
            '    def forward(self, value):\n'
            '        return value / value\n'
            'Divide()(torch.zeros(1))\n'
            'state = support.read(guard.status())\n'
            'print([hit["op"] for hit in state["hits"]], state["waiting"])\n'
            'print([type(finder).__name__ for finder in sys.meta_path if type(finder).__name__ in ("_Watcher", "Middle")])\n'
            'print(threading.active_count())\n'
        ) % os.path.dirname(os.path.abspath(__file__))
        expected = {
            'before': "False True\n['div'] False\n[]\n1\n",
            'middle': "False True\n['div'] False\n[]\n1\n",
            'after': "True False\n['div'] False\n[]\n1\n",
            'never': "False True\n[] False\n[]\n1\n",
        }
        for when, text in expected.items():
            with self.subTest(when):
                done = subprocess.run([sys.executable, '-B', '-c', program, when], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
                self.assertEqual((done.stdout, done.stderr), (text, ''))


class Costs(unittest.TestCase):
    def test_json_is_small(self):
        """A status crosses the debugger's wire at every stop."""
        guard.arm({'level': 'ops', 'once': False, 'stop': False})
        for _ in range(guard.MOST_HITS + 5):
            torch.zeros(2, 3) / torch.zeros(2, 3)
        text = guard.status()
        guard.disarm()
        self.assertEqual(len(json.loads(text)['hits']), guard.MOST_HITS)
        self.assertLess(len(text), 500_000)


if __name__ == '__main__':
    unittest.main()
