"""Operations whose NaN is hard to see or easy to blame on the wrong one: what is overwritten, shared or put in."""
import unittest

import torch

from guarding import INF, NAN, Guarded, Made, status


class Overwritten(Guarded):
    """The input is gone when the output is there: it is copied before."""

    def test_an_input_that_shares_memory_with_what_is_written(self):
        def square():
            value = torch.zeros(1, 1)
            value.t().div_(value)

        def into_itself():
            value = -torch.ones(3)
            torch.log(value, out=value)

        cases = (
            ('div', 'zero-over-zero', lambda: (lambda value: value.div_(value))(torch.zeros(3))),
            ('div', 'zero-over-zero', square),
            ('log', 'log-of-negative', into_itself),
            ('sub', 'inf-minus-inf', lambda: (lambda value: value.sub_(value))(torch.full((3,), INF))),
        )
        for op, mechanism, run in cases:
            with self.subTest(mechanism):
                self.arm()
                run()
                hit = self.only()
                self.assertEqual((hit['op'], hit['mechanism']), (op, mechanism))
                self.assertEqual([item['nan'] for item in hit['inputs']], [0] * len(hit['inputs']))

    def test_what_was_in_the_output_before_does_not_count(self):
        self.arm()
        torch.log(-torch.ones(2), out=torch.full((2,), NAN))
        self.assertEqual(self.only()['mechanism'], 'log-of-negative')

    def test_a_list_of_tensors(self):
        for name, tensors in (('_foreach_div', None), ('_foreach_div_', None)):
            with self.subTest(name):
                values = [torch.ones(2), torch.zeros(2)]
                self.arm()
                getattr(torch, name)(values, [torch.ones(2), torch.zeros(2)])
                hit = self.only()
                self.assertEqual((hit['op'], hit['mechanism']), ('div', 'zero-over-zero'))

    def test_too_large_to_be_copied(self):
        value = torch.zeros((1 << 20) + 1)
        self.arm()
        value.div_(torch.zeros(1))
        hit = self.only()
        self.assertEqual((hit['op'], hit['mechanism']), ('div', 'unknown'))
        self.assertIn('too large to be copied before', hit['why'])

    def test_a_subclass_without_memory_of_its_own(self):
        class Wrapper(torch.Tensor):
            @staticmethod
            def __new__(cls, held):
                made = torch.Tensor._make_wrapper_subclass(cls, held.size(), dtype=held.dtype, device=held.device)
                made.held = held
                return made

            @classmethod
            def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
                plain = [value.held if isinstance(value, Wrapper) else value for value in args]
                answer = function(*plain, **(kwargs or {}))
                return Wrapper(answer) if isinstance(answer, torch.Tensor) else answer

        value = Wrapper(torch.ones(1000))
        self.arm()
        value.add_(1)
        self.assertEqual(value.held.tolist()[:2], [2.0, 2.0])
        self.assertEqual(self.hits(), [])


class PutIn(Guarded):
    """NaN that a program writes, or that was there all along, is nobody's birth."""

    def test_bits_that_are_shown_as_numbers(self):
        self.arm()
        torch.ones(4, dtype=torch.int32).fill_(-1).view(torch.float32)
        self.assertEqual(self.hits(), [])

    def test_complex(self):
        self.arm()
        torch.zeros(2, dtype=torch.complex64).masked_fill(torch.tensor([True, False]), complex(NAN, 0))
        self.assertEqual(self.hits(), [])

    def test_inside_a_module(self):
        self.arm()
        Made(lambda value: value.masked_fill(torch.tensor([True, False]), NAN))(torch.zeros(2))
        self.assertEqual(self.hits(), [])
        self.assertEqual(status()['sickInputs'], {'count': 1, 'first': 'output of Made, put in'})

    def test_in_an_object_that_is_not_looked_into(self):
        class Batch:
            values = torch.full((2,), NAN)

        self.arm()
        Made(lambda batch: batch.values + 1)(Batch())
        self.assertEqual(self.hits(), [])
        self.assertEqual(status()['sickInputs']['count'], 1)


class Mechanisms(Guarded):
    def test_a_negative_multiple_is_subtracted(self):
        self.arm()
        torch.add(torch.tensor([INF]), torch.tensor([INF]), alpha=-1)
        self.assertEqual(self.only()['mechanism'], 'inf-minus-inf')

    def test_the_seventh_argument_of_an_attention_kernel_is_no_scale(self):
        """In some kernels it is `is_causal`: as a scale of 1 it made scores pass the limit that did not."""
        from guarding import guard
        query = torch.full((1, 1, 2, 64), 4e18)  # Scores of 1.28e38 with the scale of 1/8; 1.02e39 without.
        nan = torch.full((1, 1, 2, 64), NAN)
        told = guard.births.mechanism(guard.births.Operation(
            'scaled_dot_product_efficient_attention', (query, query, query, None, False, 0.0, True), {}, nan))
        self.assertEqual(told[0], 'unknown')

    def test_nan_in_a_weight_of_a_child_that_is_never_called(self):
        layer = torch.nn.MultiheadAttention(4, 1, batch_first=True)
        with torch.no_grad():
            layer.out_proj.weight[0, 0] = NAN
        for level in ('ops', 'modules'):
            with self.subTest(level):
                self.arm(level=level)
                layer(*[torch.zeros(1, 2, 4)] * 3)
                hit = self.only()
                self.assertEqual(hit['mechanism'], 'nan-in-weights')
                self.assertEqual(hit['why'], 'out_proj.weight of MultiheadAttention holds NaN itself: 1 of 16 numbers.')


class ModuleLevel(Guarded):
    level = 'modules'

    def test_a_write_that_nothing_counts(self):
        def logarithm(value):
            value.data.log_()
            return value

        self.arm()
        Made(logarithm)(-torch.ones(3))
        self.assertEqual(self.only()['module']['class'], 'Made')

    def test_memory_that_was_written_to_from_outside_between_two_passes(self):
        value = torch.zeros(2)
        module = Made(lambda given: given + 1)
        self.arm()
        module(value)
        value.numpy()[0] = NAN
        module(value)
        self.assertEqual(self.hits(), [])
        self.assertEqual(status()['sickInputs']['count'], 1)

    def test_the_last_of_many_outputs(self):
        self.arm()
        Made(lambda value: [torch.zeros(1)] * 70 + [value / value])(torch.zeros(1))
        self.assertEqual(self.only()['output']['name'], 'output[70]')

    def test_names_of_arguments(self):
        import functools

        def divided(value, attention_mask=None):
            return value / value

        class Decorated(torch.nn.Module):
            def forward(self, value, attention_mask=None):
                return value / value

            forward = functools.wraps(forward)(lambda *args, inner=forward, **named: inner(*args, **named))

        own = torch.nn.Identity()
        own.forward = divided
        replaced = Made(divided)
        replaced.forward = functools.update_wrapper(functools.partial(divided), replaced.forward)
        for module, names in ((own, ['value', 'attention_mask']), (Decorated(), ['value', 'attention_mask']),
                              (replaced, ['args[0]'])):
            with self.subTest(names):
                self.arm()
                module(*[torch.zeros(2)] * len(names))
                self.assertEqual([item['name'] for item in self.only()['inputs']], names)


if __name__ == '__main__':
    unittest.main()
