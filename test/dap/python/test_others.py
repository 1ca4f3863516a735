"""Arrays of libraries that are not installed here, by stand-ins that have their names and the members that are read."""
import sys
import types
import unittest
from unittest import mock

import numpy
import torch

from support import by_path, one

NAN = float('nan')


class Place:
    def __init__(self, platform):
        self.platform = platform

    def __str__(self):
        return '%s:0' % self.platform


class ArrayImpl:
    """Of jaxlib."""

    def __init__(self, values, platform='cpu', deleted=False, whole=True, size=None):
        self._values = numpy.array(values, 'float32')
        self.shape, self.dtype, self.size = self._values.shape, self._values.dtype, size or self._values.size
        self._platform, self._deleted, self.is_fully_addressable = platform, deleted, whole

    def devices(self):
        return {Place(self._platform)}

    def is_deleted(self):
        return self._deleted

    def __array__(self, *_):
        return self._values


class Tracer:
    """Of jax."""

    aval = types.SimpleNamespace(shape=(2, 'n'), dtype='float32')




class Shape(tuple):
    rank = 1


class BaseResourceVariable:
    """Of tensorflow."""

    shape, dtype, device = Shape([2]), types.SimpleNamespace(name='float32'), '/job:localhost/task:0/device:CPU:0'


class Others(unittest.TestCase):
    def setUp(self):
        homes = {ArrayImpl: 'jaxlib.xla_extension', Tracer: 'jax._src.core',
                 BaseResourceVariable: 'tensorflow.python.ops.resource_variable_ops'}
        for kind, home in homes.items():
            self.enter(mock.patch.object(kind, '__module__', home))
        modules = {name: types.ModuleType(name) for name in ('jax', 'tensorflow')}
        self.enter(mock.patch.dict(sys.modules, modules))

    def enter(self, context):
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def test_jax(self):
        found = one(ArrayImpl([1.0, NAN, -3.0]))
        self.assertEqual([found[key] for key in ('library', 'dtype', 'shape', 'device', 'nan', 'min', 'max')],
                         ['jax', 'float32', [3], 'cpu:0', 1, -3.0, 1.0])

    def test_jax_without_data(self):
        for value, words in (
            (Tracer(), 'traced'), (ArrayImpl([1.0], deleted=True), 'deleted'), (ArrayImpl([1.0], whole=False), 'part'),
            (ArrayImpl([1.0], platform='gpu', size=10 ** 9), 'too large'),
        ):
            self.assertIn(words, one(value)['skipped'])
        self.assertEqual(one(Tracer())['shape'], [2, -1])

    def test_tensorflow_variable(self):
        found = one(BaseResourceVariable())
        self.assertIn('gradient tape', found['skipped'])
        self.assertEqual((found['library'], found['shape'], found['device']), ('tensorflow', [2], 'cpu:0'))


class Dispatching(unittest.TestCase):
    """Classes with `__torch_dispatch__` that torch itself brings."""

    def wrap(self, name, local):
        def refuse(cls, *args, **named):
            raise AssertionError('__torch_dispatch__ was called')

        kind = type(name, (torch.Tensor,), {
            '__module__': 'torch.distributed', '__slots__': ['_local_tensor'],
            '__torch_dispatch__': classmethod(refuse),
            '__torch_function__': torch._C._disabled_torch_function_impl,
        })
        value = torch.Tensor._make_wrapper_subclass(kind, (8, 2), dtype=torch.float32)
        value._local_tensor = local
        return value

    def test_distributed_tensor_gives_its_local_part(self):
        found = one(self.wrap('DTensor', torch.tensor([[1.0, NAN]])))
        self.assertEqual((found['shape'], found['elements'], found['scanned'], found['nan']), ([8, 2], 16, 2, 1))
        self.assertIn('on this process', found['note'])

    def test_distributed_tensor_over_another_subclass(self):
        self.assertIn('not read', one(self.wrap('DTensor', self.wrap('Waiting', None)))['skipped'])

    def test_others_are_named(self):
        found = by_path({'value': self.wrap('AsyncCollectiveTensor', torch.ones(1))})['value']
        self.assertIn('AsyncCollectiveTensor', found['skipped'])
        self.assertEqual(found['shape'], [8, 2])


if __name__ == '__main__':
    unittest.main()
