/** Fixes of arithmetic that leaves its range or its domain, as PyTorch. */
import { mostExp, tiny } from '../lowest';
import type { FixSnippet } from './types';

const small = (dtype: string): string => tiny(dtype).toExponential().replace('e+0', '');
const most = (dtype: string): string => String(mostExp(dtype));

export const numberSnippets: readonly FixSnippet[] = [
  {
    id: 'fp32-attention',
    title: 'Compute attention scores and softmax in float32',
    into: 'attention',
    where: 'in place of the product of queries and keys, the mask and the softmax',
    use: 'probabilities = float32_probabilities(query, key, mask, scale)',
    code: `def float32_probabilities(query, key, mask=None, scale=None):
    """query, key [..., position, features]; additive mask or None. Float16 ends at 65504, which scores can leave."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = torch.matmul(query.float(), key.float().transpose(-1, -2)) * scale
    if mask is not None:
        scores = scores + mask.float()
    return torch.softmax(scores, dim=-1).to(query.dtype)
`,
  },
  {
    id: 'stable-softmax',
    title: 'Subtract the maximum before the exponential of softmax',
    into: 'origin',
    where: 'in place of exp(scores) / exp(scores).sum()',
    use: 'probabilities = stable_softmax(scores)',
    code: `def stable_softmax(scores, dim=-1):
    """The same numbers as exp(scores) / exp(scores).sum(), but exp() stays at most 1."""
    top = scores.amax(dim=dim, keepdim=True)
    exponential = torch.exp(scores - top.masked_fill(top == float("-inf"), 0.0))
    return exponential / exponential.sum(dim=dim, keepdim=True)
`,
  },
  {
    id: 'eps',
    title: 'Keep divisors away from 0',
    into: 'origin',
    where: 'around the divisor of the division',
    use: 'ratio = numerator / away_from_zero(divisor)',
    code: `def away_from_zero(divisor):
    """A small number where the divisor is exactly 0, every other divisor as it is: 0 / 0 becomes 0."""
    eps = ${small('float16')} if divisor.dtype == torch.float16 else ${small('float32')}
    return torch.where(divisor == 0, torch.full_like(divisor, eps), divisor)
`,
  },
  {
    id: 'clamp',
    title: 'Keep arguments inside what the function is defined for',
    into: 'origin',
    where: 'around the argument of log, sqrt, a power with a fraction, or exp',
    use: `y = torch.log(at_least_tiny(x))    # also torch.sqrt(…) and … ** 0.5
z = torch.exp(not_too_large(x))`,
    note: 'The numbers that come out where the argument was outside are new: the model never had any there.',
    code: `def at_least_tiny(x):
    """For log, sqrt and fractional powers: not below a small positive number. NaN stays NaN."""
    return x.clamp(min=${small('float16')} if x.dtype == torch.float16 else ${small('float32')})


def not_too_large(x):
    """For exp: not above what has a finite power, with room for a sum of many."""
    most = {torch.float64: ${most('float64')}.0, torch.float16: ${most('float16')}.0}.get(x.dtype, ${most('float32')}.0)
    return x.clamp(max=most)
`,
  },
  {
    id: 'clean-weights',
    title: 'Count NaN in weights as 0',
    into: 'caller',
    where: 'once, behind the lines that load the checkpoint',
    use: 'clean_weights(model)',
    note: 'What the numbers were before they were damaged nobody knows; loading an undamaged checkpoint is the real fix.',
    code: `def clean_weights(model):
    """NaN in parameters and buffers becomes 0; says where and how many. Returns the count."""
    total = 0
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
            if not tensor.is_floating_point():
                continue
            bad = tensor.isnan()
            count = int(bad.sum())
            if count > 0:
                print(f"{name}: {count} of {tensor.numel()} elements were NaN")
                tensor.masked_fill_(bad, 0.0)
                total += count
    return total
`,
  },
];
