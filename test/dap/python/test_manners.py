"""Looking changes nothing: state of the libraries, of the tensors, of the frame; no code of a user's class runs."""
import collections
import io
import contextlib
import os
import random
import subprocess
import sys
import unittest
import warnings

import numpy
import torch

from support import HERE, by_path, detail, entry, one, scope

NAN = float('nan')


def touched(name):
    def method(self, *args, **named):
        raise AssertionError('%s of a user class was called' % name)

    return method


HOSTILE = ('__getattr__', '__getattribute__', '__repr__', '__str__', '__len__', '__iter__', '__eq__', '__bool__',
           '__getitem__', '__contains__', '__hash__', '__dir__', '__format__', '__reduce__', '__array__', '__float__')


def hostile(*bases, **members):
    """A class over `bases` whose every method fails."""
    members.update({name: touched(name) for name in HOSTILE if name not in members})
    members['keys'] = members['items'] = members['values'] = touched('keys')
    members['tensor'] = property(touched('property'))
    members['__class__'] = property(touched('__class__'))
    return type('Hostile', bases or (object,), members)


class Meta(type):
    __instancecheck__ = touched('__instancecheck__')
    __subclasscheck__ = touched('__subclasscheck__')
    __getattribute__ = touched('metaclass __getattribute__')
    __eq__ = touched('metaclass __eq__')
    __hash__ = type.__hash__


class State(unittest.TestCase):
    def setUp(self):
        self.leaf = torch.nn.Parameter(torch.tensor([1.0, NAN]))
        self.derived = self.leaf * 2
        self.names = {
            'leaf': self.leaf, 'derived': self.derived, 'array': numpy.array([1.0, NAN]), 'half': torch.ones(3).half(),
            'mask': torch.ones(2, 2), 'table': torch.full((2, 2, 3), NAN),
        }

    def look(self):
        scope(self.names)
        for name in self.names:
            detail(self.names[name], self.names, name)

    def test_frame_and_tensors(self):
        before = list(self.names.items())
        copies = [self.leaf.detach().clone(), self.derived.detach().clone()]
        versions = [value._version for value in (self.leaf, self.derived)]
        graph = self.derived.grad_fn
        self.look()
        for (name, value), (then, old) in zip(self.names.items(), before):
            self.assertEqual(name, then)
            self.assertIs(value, old)
        self.assertEqual(len(self.names), len(before))
        self.assertEqual([value._version for value in (self.leaf, self.derived)], versions)
        self.assertIs(self.derived.grad_fn, graph)
        self.assertTrue(self.leaf.requires_grad and self.leaf.is_leaf and self.leaf.grad is None)
        for value, copy in zip((self.leaf, self.derived), copies):
            self.assertTrue(torch.equal(value.nan_to_num(7), copy.nan_to_num(7)))
        self.derived[0].backward()
        self.assertEqual(self.leaf.grad.tolist(), [2.0, 0.0])

    def test_random_state(self):
        before = torch.get_rng_state(), numpy.random.get_state()[1].tolist(), random.getstate()
        self.look()
        self.assertTrue(torch.equal(torch.get_rng_state(), before[0]))
        self.assertEqual(numpy.random.get_state()[1].tolist(), before[1])
        self.assertEqual(random.getstate(), before[2])

    def test_modes_threads_and_numpy_errors(self):
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            for grad in (True, False):
                with torch.set_grad_enabled(grad), numpy.errstate(all='raise'):
                    before = numpy.geterr()
                    self.look()
                    self.assertEqual(torch.is_grad_enabled(), grad)
                    self.assertEqual(numpy.geterr(), before)
                    self.assertEqual(torch.get_num_threads(), 2)
                    # Its sum overflows on the way, which numpy would raise here.
                    self.assertEqual(one(numpy.array([3e38, 3e38], 'f4')).get('nan'), 0)
            with torch.inference_mode():
                self.look()
                self.assertTrue(torch.is_inference_mode_enabled())
        finally:
            torch.set_num_threads(threads)

    def test_state_comes_back_after_an_error_of_ours(self):
        from _nanoscope import health
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            with self.assertRaises(KeyError), health.quiet():
                self.assertEqual(torch.get_num_threads(), 1)
                raise KeyError
            self.assertEqual(torch.get_num_threads(), 2)
            self.assertTrue(torch.is_grad_enabled())
        finally:
            torch.set_num_threads(threads)

    def test_nothing_is_printed_or_warned(self):
        said = io.StringIO()
        self.names.update(sparse=torch.ones(2).to_sparse(), large=numpy.array([3e38, 3e38], 'f4'))
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            warnings.simplefilter('error')
            self.look()
            found = by_path(self.names)
        self.assertEqual(said.getvalue(), '')
        self.assertFalse(any('error' in item for item in found.values()), found)

    def test_answers_can_be_repeated(self):
        def figures():
            return [dict(found) for found in scope(self.names)['tensors']]

        self.assertEqual(figures(), figures())

    def test_function_and_dispatch_modes_do_not_see_us(self):
        from torch.overrides import TorchFunctionMode
        from torch.utils._python_dispatch import TorchDispatchMode
        seen = []

        class Functions(TorchFunctionMode):
            def __torch_function__(self, function, kinds, args=(), named=None):
                seen.append(function)
                return function(*args, **(named or {}))

        class Dispatches(TorchDispatchMode):
            def __torch_dispatch__(self, function, kinds, args=(), named=None):
                seen.append(function)
                return function(*args, **(named or {}))

        with Functions(), Dispatches():
            seen.clear()
            self.look()
            found = by_path(self.names)
            self.assertEqual(seen, [])
            torch.ones(2).abs()
            self.assertGreater(len(seen), 1, 'the modes are on again')
        self.assertEqual(found['leaf'].get('nan'), 1, found)

    def test_nothing_gets_into_a_trace(self):
        sick, seen = torch.tensor([NAN, 1.0]), []

        def traced(value):
            seen.append(one(sick).get('nan'))
            seen.append(one(value).get('nan'))
            seen.append(detail(sick).get('histogram'))
            return value + 1

        with warnings.catch_warnings():
            warnings.simplefilter('error')
            graph = torch.jit.trace(traced, torch.ones(2), check_trace=False).graph
        self.assertEqual(seen[:2], [1, 0])
        self.assertEqual(sum(seen[2]['counts']), 1)
        self.assertEqual([node.kind() for node in graph.nodes() if node.kind() != 'prim::Constant'], ['aten::add'])

    def test_a_program_without_torch_and_numpy_keeps_without(self):
        program = (
            'import sys; sys.path.insert(0, %r); import support\n'
            'assert not {"torch", "numpy"} & set(sys.modules)\n'
            'print(support.scope({"x": [1, {"a": 2}], "self": support}), support.detail(3)["skipped"])\n'
            'assert not {"torch", "numpy"} & set(sys.modules)\n' % HERE
        )
        done = subprocess.run([sys.executable, '-c', program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=60, cwd=os.path.dirname(HERE))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn('not a tensor', done.stdout)

    def test_half_imported_libraries(self):
        """A stop inside `import torch` finds a module without most of its names."""
        program = (
            'import sys, types; sys.path.insert(0, %r); import support\n'
            'sys.modules["torch"] = types.ModuleType("torch"); sys.modules["numpy"] = types.ModuleType("numpy")\n'
            'assert support.scope({"x": [1, object()]})["tensors"] == []\n' % HERE
        )
        done = subprocess.run([sys.executable, '-c', program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)


class UserCode(unittest.TestCase):
    def test_plain_objects(self):
        kind = hostile()
        names = {'other': kind(), 'self': kind(), 'box': [kind(), torch.ones(1)]}
        object.__getattribute__(names['self'], '__dict__')['x'] = torch.ones(1)
        self.assertEqual(list(by_path(names)), ['self.x', 'box[1]'])

    def test_containers(self):
        value = torch.tensor([NAN])
        held, listed = hostile(dict)(), hostile(list)()
        dict.__setitem__(held, 'a', value)
        list.append(listed, value)
        ordered = hostile(collections.OrderedDict, __hash__=None)()
        dict.__setitem__(ordered, 'b', value)
        row = tuple.__new__(hostile(tuple), (value,))
        found = by_path({'held': held, 'listed': listed, 'ordered': ordered, 'row': row})
        self.assertEqual(list(found), ["held['a']", 'listed[0]', "ordered['b']", 'row[0]'])

    def test_module_with_a_getattr_that_raises(self):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.own = torch.nn.Parameter(torch.ones(1))

            __getattr__ = touched('__getattr__')
            parameters = named_parameters = state_dict = touched('parameters')

        net = object.__new__(Net)
        net.__dict__.update(_parameters={'own': torch.nn.Parameter(torch.ones(1))}, _buffers={}, _modules={})
        self.assertEqual(list(by_path({'net': net})), ['net.own'])
        half_made = object.__new__(Net)
        self.assertEqual(scope({'net': half_made})['tensors'], [])

    def test_metaclass(self):
        value = Meta('Value', (), {})
        names = {'value': object.__new__(value), 'kind': value, 'x': torch.ones(1)}
        self.assertEqual(list(by_path(names)), ['x'])

    def test_tensor_subclass_with_torch_function(self):
        class Tagged(torch.Tensor):
            @classmethod
            def __torch_function__(cls, *args, **named):
                raise AssertionError('__torch_function__ was called')

            shape = dtype = device = property(touched('property'))
            __repr__ = __len__ = __iter__ = __bool__ = __eq__ = touched('method')
            __hash__ = None
            isnan = numel = detach = touched('method')

        class Guarded(Tagged):  # With this method torch itself overlooks `__torch_function__`.
            __getattribute__ = touched('__getattribute__')

        for kind in (Tagged, Guarded):
            with torch._C.DisableTorchFunction():
                value = torch.Tensor.as_subclass(torch.tensor([[1.0, NAN]]), kind)
            found = one(value)
            self.assertEqual((found.get('nan'), found.get('shape')), (1, [1, 2]), found)
            self.assertEqual(found['type'], kind.__name__)
            self.assertEqual(detail(value)['counts']['nan'], [[0, 1]])

    def test_dispatch_subclass(self):
        class Wrapped(torch.Tensor):
            @staticmethod
            def __new__(cls, inner):
                return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

            @classmethod
            def __torch_dispatch__(cls, *args, **named):
                raise AssertionError('__torch_dispatch__ was called')

            __torch_function__ = torch._C._disabled_torch_function_impl

        found = one(Wrapped(torch.ones(2, 3)))
        self.assertIn('__torch_dispatch__', found['skipped'])
        self.assertEqual((found['shape'], found['type']), ([2, 3], 'Wrapped'))
        self.assertIn('__torch_dispatch__', detail(Wrapped(torch.ones(2, 3)))['skipped'])

    def test_numpy_subclass(self):
        class Tagged(numpy.ndarray):
            armed = False
            __array_ufunc__ = __array_function__ = __repr__ = __len__ = __iter__ = __getitem__ = touched('method')
            shape = dtype = property(touched('property'))

            def __array_finalize__(self, other):
                if Tagged.armed:
                    raise AssertionError('__array_finalize__ was called')

        value = numpy.array([1.0, NAN]).view(Tagged)
        Tagged.armed = True
        found = one(value)
        self.assertEqual((found.get('nan'), found['type']), (1, 'Tagged'), found)

    def test_locals_in_a_mapping_of_the_program(self):
        """The body of a class with `__prepare__` has a dict of a user's class for its locals."""
        held = hostile(dict)()
        dict.__setitem__(held, 'x', torch.ones(1))
        self.assertEqual([found['path'] for found in support_scope(held)], ['x'])

    def test_finalizers_of_results(self):
        """Nothing of ours keeps a tensor alive."""
        import gc
        import weakref
        value = torch.ones(3)
        gone = weakref.ref(value)
        scope({'value': value, 'box': [value]})
        detail(value, {'value': value})
        del value
        gc.collect()
        self.assertIsNone(gone())


def support_scope(names):
    from support import read
    return read(entry.scope(names, {}))['tensors']


if __name__ == '__main__':
    unittest.main()
