"""Figures of one tensor against figures written by hand or counted one element at a time."""
import math
import os
import tempfile
import unittest
import warnings

import numpy
import torch

from support import one, scope

NAN, INF = math.nan, math.inf
SICK = [1.0, NAN, INF, -INF, -2.0, NAN]
FIGURES = ('nan', 'posInf', 'negInf', 'min', 'max', 'mean')


def slow(values):
    """The six figures of plain floats, one at a time."""
    good = [value for value in values if math.isfinite(value)]
    counts = [sum(value != value for value in values), sum(value == INF for value in values),
              sum(value == -INF for value in values)]
    return counts + ([min(good), max(good), math.fsum(good) / len(good)] if good else [None, None, None])


class Figures(unittest.TestCase):
    def check(self, value, expected, **others):
        found = one(value)
        self.assertNotIn('error', found)
        self.assertNotIn('skipped', found)
        for key, figure in zip(FIGURES, expected):
            if isinstance(figure, float):
                self.assertAlmostEqual(found[key], figure, delta=1e-5 * max(1, abs(figure)), msg=key)
            else:
                self.assertEqual(found[key], figure, key)
        for key, figure in others.items():
            self.assertEqual(found[key], figure, key)
        return found

    def reason(self, value, words):
        found = one(value)
        self.assertIn('skipped', found, found)
        self.assertIn(words, found['skipped'])
        self.assertNotIn('nan', found)
        return found


class Torch(Figures):
    def test_float32_with_everything(self):
        found = self.check(
            torch.tensor(SICK).view(2, 3), [2, 1, 1, -2.0, 1.0, -0.5],
            dtype='float32', shape=[2, 3], device='cpu', elements=6, library='torch', type='Tensor', requiresGrad=False,
        )
        self.assertNotIn('scanned', found)

    def test_every_float_type(self):
        kinds = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
        kinds += [getattr(torch, name) for name in ('float8_e5m2', 'float8_e4m3fn') if hasattr(torch, name)]
        for kind in kinds:
            with self.subTest(kind):
                name = str(kind)[6:]
                self.check(torch.tensor([1.0, NAN, -2.0]).to(kind), [1, 0, 0, -2.0, 1.0, -0.5], dtype=name)

    def test_half_infinities(self):
        for kind in (torch.float16, torch.bfloat16):
            self.check(torch.tensor(SICK).to(kind), [2, 1, 1, -2.0, 1.0, -0.5])

    def test_half_sum_does_not_overflow(self):
        self.check(torch.full((1000,), 60000.0).half(), [0, 0, 0, 60000.0, 60000.0, 60000.0])

    def test_float_sum_does_not_overflow(self):
        self.check(torch.full((10,), 3e38), [0, 0, 0, 3e38, 3e38, 3e38])
        self.check(torch.tensor([3e38] * 10 + [NAN]), [1, 0, 0, 3e38, 3e38, 3e38])

    def test_mean_beyond_the_largest_double_is_null(self):
        self.check(torch.full((4,), 1.7e308, dtype=torch.float64), [0, 0, 0, 1.7e308, 1.7e308, None])

    def test_zero_put_in_for_nan_is_no_end(self):
        self.check(torch.tensor([NAN, 3.0, 5.0]), [1, 0, 0, 3.0, 5.0, 4.0])
        self.check(torch.tensor([NAN, -3.0, -5.0]), [1, 0, 0, -5.0, -3.0, -4.0])
        self.check(torch.tensor([INF, 3.0, 5.0]), [0, 1, 0, 3.0, 5.0, 4.0])
        self.check(torch.tensor([-INF, NAN, -3.0]), [1, 0, 1, -3.0, -3.0, -3.0])
        self.check(torch.tensor([NAN, 0.0, 5.0]), [1, 0, 0, 0.0, 5.0, 2.5])
        self.check(torch.tensor([NAN, 0.0, 0.0]), [1, 0, 0, 0.0, 0.0, 0.0])
        self.check(torch.tensor([NAN, 3.0, 5.0], dtype=torch.float64), [1, 0, 0, 3.0, 5.0, 4.0])

    def test_nan_of_either_sign_and_payload(self):
        bits = torch.tensor([-1, 0x7FC00000, 0x7F800001, 0x3F800000], dtype=torch.int32)
        self.check(bits.view(torch.float32), [3, 0, 0, 1.0, 1.0, 1.0])

    def test_nothing_finite(self):
        self.check(torch.full((3,), NAN), [3, 0, 0, None, None, None])
        self.check(torch.tensor([INF, -INF]), [0, 1, 1, None, None, None])

    def test_subnormal_and_largest(self):
        self.check(torch.tensor([1e-42, 3.4e38, NAN]), [1, 0, 0, 1e-42, 3.4e38, 1.7e38])

    def test_against_a_slow_count(self):
        generator = torch.Generator().manual_seed(5)
        values = torch.randn(40, 50, generator=generator) * 100
        for share, odd in ((0.4, NAN), (0.1, INF), (0.1, -INF)):
            values[torch.rand(40, 50, generator=generator) < share] = odd
        expected = slow(values.flatten().tolist())
        for shown in (values, values.t(), values.double(), values.view(10, 4, 50).transpose(0, 2)):
            self.check(shown, expected)
        self.check(values[::3, 1::2], slow(values[::3, 1::2].flatten().tolist()))

    def test_integers_and_bools(self):
        for kind in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
            self.check(torch.tensor([3, 1, 7, 1], dtype=kind), [0, 0, 0, 1, 7, 3.0])
        self.check(torch.tensor([True, False, False, True]), [0, 0, 0, 0, 1, 0.5], dtype='bool')
        self.check(torch.ones(3, dtype=torch.bool), [0, 0, 0, 1, 1, 1.0])
        self.check(torch.zeros(3, dtype=torch.bool), [0, 0, 0, 0, 0, 0.0])

    def test_large_integers_keep_their_digits(self):
        big = 2 ** 62 + 1
        found = one(torch.tensor([big, big]))
        self.assertEqual((found['min'], found['max']), (big, big))
        self.assertAlmostEqual(found['mean'] / big, 1.0)

    def test_complex_counts_an_element_once(self):
        numbers = [complex(NAN, INF), complex(1, NAN), complex(INF, -INF), complex(0, -INF), 1 + 2j]
        for kind in (torch.complex64, torch.complex128):
            self.check(torch.tensor(numbers, dtype=kind), [2, 1, 1, None, None, None])

    def test_conjugate_and_negative_views(self):
        value = torch.tensor([complex(0, INF), complex(0, 1)])
        self.check(value, [0, 1, 0])
        self.check(value.conj(), [0, 0, 1])
        self.check(value.conj().imag, [0, 0, 1, -1.0, -1.0, -1.0])
        self.check(torch._neg_view(torch.tensor([NAN, 3.0, -INF, 5.0])), [1, 1, 0, -5.0, -3.0, -4.0])

    def test_scalar_and_empty(self):
        self.check(torch.tensor(NAN), [1, 0, 0, None, None, None], shape=[], elements=1)
        self.check(torch.tensor(2.5), [0, 0, 0, 2.5, 2.5, 2.5])
        self.check(torch.empty(0, 4), [0, 0, 0, None, None, None], shape=[0, 4], elements=0)

    def test_expanded_is_counted_in_full_without_a_copy(self):
        self.check(torch.tensor([[NAN], [2.0]]).expand(2, 1000), [1000, 0, 0, 2.0, 2.0, 2.0], elements=2000)
        found = self.check(torch.tensor(NAN).expand(10 ** 6, 10 ** 6), [10 ** 12, 0, 0], elements=10 ** 12)
        self.assertNotIn('scanned', found)

    def test_sparse(self):
        dense = torch.tensor([[0.0, NAN], [3.0, 0.0]])
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            kinds = (dense.to_sparse(), dense.to_sparse_csr())
        for value in kinds:
            found = self.check(value, [1, 0, 0, 3.0, 3.0, 3.0], shape=[2, 2], elements=4, scanned=2)
            self.assertEqual(found['note'], 'sparse: the figures are of the 2 stored values')

    def test_parameter_and_gradient(self):
        found = self.check(torch.nn.Parameter(torch.tensor([1.0, NAN])), [1, 0, 0, 1.0, 1.0, 1.0], requiresGrad=True)
        self.assertEqual(found['type'], 'Parameter')
        self.check(torch.ones(3, requires_grad=True) * 2, [0, 0, 0, 2.0, 2.0, 2.0], requiresGrad=True)

    def test_inference_tensor(self):
        with torch.inference_mode():
            value = torch.tensor([NAN, 1.0])
        self.check(value, [1, 0, 0, 1.0, 1.0, 1.0])

    def test_meta_has_no_data(self):
        self.reason(torch.empty(2, 3, device='meta'), 'no data')

    def test_fake_has_no_data(self):
        from torch._subclasses import FakeTensorMode
        with FakeTensorMode():
            value = torch.empty(2, 3)
        self.assertEqual(self.reason(value, 'no data')['shape'], [2, 3])

    def test_quantised(self):
        self.reason(torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), 'quantised')

    def test_nested(self):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            value = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)])
        found = self.reason(value, 'nested')
        self.assertEqual((found['shape'], found['elements']), ([2, -1, 3], 18))

    def test_other_layout(self):
        if torch.backends.mkldnn.is_available():
            self.reason(torch.ones(3).to_mkldnn(), 'layout')

    def test_freed_storage(self):
        for size, words in ((0, 'freed'), (4, 'smaller')):
            value = torch.ones(100)
            storage = value.untyped_storage() if hasattr(value, 'untyped_storage') else value.storage().untyped()
            storage.resize_(size)
            self.reason(value, words)

    def test_lazy_parameter(self):
        self.reason(torch.nn.parameter.UninitializedParameter(), 'not initialised')

    def test_functorch(self):
        functorch = getattr(torch, 'func', None)
        if functorch is None:
            import functorch
        seen = []

        def look(row):
            outside = torch.tensor([NAN])
            seen.append(scope({'row': row, 'outside': outside})['tensors'])
            return row.sum()

        functorch.vmap(look)(torch.ones(2, 3))
        functorch.grad(look)(torch.ones(3))
        self.assertEqual(len(seen), 2)
        for inside, outside in seen:
            self.assertIn('function transform', inside['skipped'])
            # Made under a transform, so it may be wrapped as well; if it is not, it is read.
            self.assertTrue('function transform' in outside.get('skipped', '') or outside.get('nan') == 1, outside)

    def test_tensor_of_outside_is_read_under_a_transform(self):
        functorch = getattr(torch, 'func', None)
        if functorch is None:
            import functorch
        outside, seen = torch.tensor([NAN, 1.0]), []

        def look(row):
            seen.append(one(outside))
            return row.sum()

        functorch.vmap(look)(torch.ones(2, 3))
        functorch.grad(look)(torch.ones(3))
        self.assertEqual([(found.get('nan'), found.get('max')) for found in seen], [(1, 1.0)] * 2, seen)

    def test_part_of_a_large_tensor(self):
        """Blocks: an element in each of several, and a tensor whose layout is not the order of its axes."""
        value = torch.zeros(3, 700001)
        value[0, 0], value[1, 6], value[2, -1] = NAN, INF, 7.0
        for shown in (value, value.t(), value[:, ::2], value.double(), value.half()):
            self.check(shown, [1, 1, 0, 0.0, 7.0], elements=shown.numel())
        found = self.check(value.numpy()[::-1, ::-2], [1, 1, 0, 0.0, 7.0], elements=3 * 350001)
        self.assertNotIn('scanned', found)

    def test_every_element_is_in_one_block(self):
        from _nanoscope import health
        for shape in ((), (0, 3), (7,), (3, 5, 7), (1, 100), (100, 1), (2, 1, 9)):
            seen = numpy.zeros(shape, int)
            for index in health.blocks(shape, 4):
                self.assertLessEqual(seen[index].size, 4)
                seen[index] += 1
            self.assertTrue((seen == 1).all(), shape)


class Numpy(Figures):
    def test_every_float_type(self):
        for kind in ('float16', 'float32', 'float64', 'longdouble', '>f4', '<f8'):
            with self.subTest(kind):
                self.check(numpy.array(SICK, dtype=kind), [2, 1, 1, -2.0, 1.0, -0.5], library='numpy', device='numpy',
                           type='ndarray', dtype=str(numpy.dtype(kind)))

    def test_zero_put_in_for_nan_is_no_end(self):
        for kind in ('float32', 'float64', 'longdouble'):
            self.check(numpy.array([NAN, 3.0, 5.0], kind), [1, 0, 0, 3.0, 5.0, 4.0])
            self.check(numpy.array([INF, -3.0, -5.0], kind), [0, 1, 0, -5.0, -3.0, -4.0])

    def test_longdouble_beyond_double(self):
        huge = numpy.longdouble(1e300) * numpy.longdouble(1e300)
        if math.isinf(float(huge)) and numpy.isfinite(huge):
            found = one(numpy.array([1.0, huge], dtype='longdouble'))
            self.assertEqual((found['posInf'], found['min'], found['max']), (0, 1.0, 'Infinity'))

    def test_against_a_slow_count(self):
        random = numpy.random.RandomState(3)
        values = random.randn(30, 40)
        values[random.rand(30, 40) < 0.4] = NAN
        values[3, 4] = INF
        for shown in (values, values[::-1, ::-2], values.T, numpy.asfortranarray(values), values.astype('float32')):
            self.check(shown, slow(shown.flatten().tolist()))

    def test_negative_strides_and_broadcast(self):
        self.check(numpy.arange(6.0)[::-1], [0, 0, 0, 0.0, 5.0, 2.5])
        self.check(numpy.broadcast_to(numpy.array([NAN, 1.0]), (500, 2)), [500, 0, 0, 1.0, 1.0, 1.0], elements=1000)

    def test_read_only(self):
        value = numpy.array([NAN, 1.0])
        value.flags.writeable = False
        self.check(value, [1, 0, 0, 1.0, 1.0, 1.0])

    def test_integers_bools_and_complex(self):
        self.check(numpy.array([3, 1, 8], 'uint64'), [0, 0, 0, 1, 8, 4.0])
        self.check(numpy.array([3, 1, 8], '>i2'), [0, 0, 0, 1, 8, 4.0])
        self.check(numpy.array([True, False]), [0, 0, 0, 0, 1, 0.5])
        self.check(numpy.array([complex(NAN, INF), complex(INF, 0), 1j]), [1, 1, 0, None, None, None])

    def test_empty_and_scalars(self):
        self.check(numpy.empty((0, 3)), [0, 0, 0, None, None, None])
        self.check(numpy.float32(NAN), [1, 0, 0, None, None, None], shape=[], type='float32')
        self.check(numpy.float64(2.5), [0, 0, 0, 2.5, 2.5, 2.5], shape=[])
        self.check(numpy.array(INF), [0, 1, 0, None, None, None], shape=[])
        self.assertEqual(scope({'step': numpy.int64(3), 'loss': 0.5, 'yes': numpy.bool_(True)})['tensors'], [])

    def test_not_numbers(self):
        structured = numpy.zeros(2, dtype=[('a', 'f4'), ('b', 'i4')])
        self.reason(structured, 'structured')
        self.reason(numpy.array([object(), None]), 'Python objects')
        self.reason(numpy.array(['2020-01-01'], 'datetime64[D]'), 'dates')
        self.reason(numpy.array([1], 'timedelta64[s]'), 'time spans')
        self.reason(numpy.array(['a']), 'text')
        self.reason(numpy.array([b'a']), 'bytes')
        self.check(structured['a'], [0, 0, 0, 0.0, 0.0, 0.0])

    def test_masked_elements_are_left_out(self):
        value = numpy.ma.masked_invalid(numpy.array([1.0, NAN, 3.0]))
        found = self.check(value, [0, 0, 0, 1.0, 3.0, 2.0])
        self.assertEqual(found['note'], 'a masked array: 1 masked elements are left out')
        self.check(numpy.ma.array([1.0, NAN, 3.0], mask=[True, False, False]), [1, 0, 0, 3.0, 3.0, 3.0])
        self.check(numpy.ma.array([1.0, NAN]), [1, 0, 0, 1.0, 1.0, 1.0])
        self.check(numpy.ma.array([1.0, NAN], mask=True), [0, 0, 0, None, None, None])

    def test_memmap(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'values')
            numpy.array(SICK, 'float32').tofile(path)
            value = numpy.memmap(path, 'float32', 'r')
            self.check(value, [2, 1, 1, -2.0, 1.0, -0.5], type='memmap')

    def test_file_that_shrank_is_not_read(self):
        """Reading it would end the process with a bus error."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'values')
            numpy.zeros(100000, 'float32').tofile(path)
            value = numpy.memmap(path, 'float32', 'r+')
            os.truncate(path, 0)
            self.reason(value, 'shorter')
            self.reason(value[5:].reshape(5, -1), 'shorter')
            os.truncate(path, 400000)
            self.check(value, [0, 0, 0, 0.0, 0.0, 0.0])


class Time(Figures):
    def test_no_time_is_said(self):
        answer = scope({'value': torch.ones(3)}, budgetMs=-1)
        self.assertTrue(answer['outOfTime'])
        self.assertIn('time budget', answer['tensors'][0]['skipped'])

    def test_part_that_was_read_is_said(self):
        """A clock that stands at the deadline after the first block."""
        from _nanoscope import health
        prepared = health.prepare(torch.ones(3 * health.HOST_CHUNK), 'torch')
        ticks = iter([0.0, 2.0])
        clock = health.time

        class Clock:
            perf_counter = staticmethod(lambda: next(ticks))

        health.time = Clock
        try:
            found = health.figures(prepared, 1.0)
        finally:
            health.time = clock
        self.assertEqual((found['scanned'], found['mean']), (health.HOST_CHUNK, 1.0))

    def test_small_ones_are_read_first(self):
        from _nanoscope import entry, health
        order, real = [], health.figures
        health.figures = lambda prepared, deadline: order.append(prepared.array.numel()) or real(prepared, deadline)
        try:
            answer = scope({'large': torch.ones(100), 'small': torch.ones(2), 'middle': torch.ones(10)})
        finally:
            health.figures = real
        self.assertEqual(order, [2, 10, 100])
        self.assertEqual([found['path'] for found in answer['tensors']], ['large', 'small', 'middle'])
        self.assertEqual(entry.VERSION, answer['version'])

    def test_an_error_stays_with_its_tensor(self):
        from _nanoscope import health
        real = health.figures

        def fail(prepared, deadline):
            if prepared.array.numel() == 2:
                raise RuntimeError('CUDA error: device-side assert\nlong story')
            return real(prepared, deadline)

        health.figures = fail
        try:
            bad, good = scope({'bad': torch.ones(2), 'good': torch.ones(3)})['tensors']
        finally:
            health.figures = real
        self.assertEqual(bad['error'], 'RuntimeError: CUDA error: device-side assert')
        self.assertEqual(good['nan'], 0)


if __name__ == '__main__':
    unittest.main()
