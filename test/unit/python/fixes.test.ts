/** The text of fixes in spellings and places that people use, written by hand. What they do is run elsewhere. */
import { beforeAll, describe, expect, it } from 'vitest';
import { findHazards } from '../../../src/core/python/findings';
import { applied, sourceFixes } from '../../../src/core/python/fixes';
import { ended } from '../../../src/core/python/syntax';
import type { PythonParser } from '../../../src/runtime/python/parser';
import { pythonParser } from '../../support/pythonParser';

let parser: PythonParser;
beforeAll(async () => {
  parser = await pythonParser();
});

/** Each fix of the first hazard, by its id, with the text that it leaves. */
function fixed(text: string): Record<string, string> {
  const tree = parser.parse(text);
  const [hazard] = ended(findHazards(tree));
  if (!hazard) throw new Error('no hazard');
  return Object.fromEntries(sourceFixes(tree, hazard).map((fix) => [fix.id, applied(text, fix)]));
}

const masked = 'scores.masked_fill(mask == 0, float("-inf"))';

describe('an import', () => {
  const epsilon = 'x = torch.nan_to_num(logits)\n';
  const hidden = (head: string): string => `${head}def f(logits, mask):\n    w = ${masked}.softmax(-1)\n    return w\n`;
  it.each([
    ['first of all', '', 'import torch\n'],
    ['behind what the file says of itself', '"""A file."""\n', '"""A file."""\nimport torch\n'],
    [
      'behind the future',
      '"""A file."""\nfrom __future__ import annotations\nimport os\n',
      '"""A file."""\nfrom __future__ import annotations\nimport torch\nimport os\n',
    ],
    ['behind a byte order mark', '\ufeff', '\ufeffimport torch\n'],
    [
      'behind the lines that a shell and an editor read',
      '#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\n# Attention.\n',
      '#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nimport torch\n\n# Attention.\n',
    ],
    [
      'behind a description that is behind such lines',
      '#!/usr/bin/env python\n"""A file."""\n',
      '#!/usr/bin/env python\n"""A file."""\nimport torch\n',
    ],
    ['not where a part of it is imported', 'import torch.nn\n', 'import torch.nn\n'],
    ['not where it may be missing', 'try:\n    import torch\nexcept ImportError:\n    torch = None\n', null],
    [
      'where it is imported for types only',
      'if TYPE_CHECKING:\n    import torch\n',
      'import torch\nif TYPE_CHECKING:\n    import torch\n',
    ],
    ['not where there is one', 'import torch\n', 'import torch\n'],
    ['not where it has another name', 'import torch as th\n', 'import torch as th\n'],
  ])('%s', (_, head, after) => {
    const torch = head.includes(' as ') ? 'th' : 'torch';
    expect(fixed(hidden(head))['nan-to-num-softmax']).toBe(
      hidden(after ?? head).replace(`${masked}.softmax(-1)`, `${torch}.nan_to_num(${masked}.softmax(-1))`),
    );
  });

  it('is left out where nothing of it is needed', () => {
    expect(fixed(epsilon)['show-nan']).toBe('x = logits\n');
  });
});

describe('libraries under other names', () => {
  it.each([
    ['import torch as th\n', 'y = th.log(x @ w)\n', 'clamp', 'y = th.log((x @ w).clamp(min=1e-12))\n'],
    ['import torch as th\n', 'logits = th.nan_to_num(logits)\n', 'show-nan', 'logits = logits\n'],
    ['import torch as th\n', 'y = th.div(x, x.norm())\n', 'eps', 'y = th.div(x, x.norm() + 1e-6)\n'],
    [
      'import torch\nimport torch.nn.functional as nnf\n',
      'w = nnf.softmax(x.half(), dim=-1)\n',
      'fp32-attention',
      'w = nnf.softmax(x.half(), dim=-1, dtype=torch.float32).to(torch.float16)\n',
    ],
    [
      'import numpy as onp\n',
      'p = onp.exp(x) / onp.exp(x).sum(axis=-1, keepdims=True)\n',
      'stable-softmax',
      'p = onp.exp(x - x.max(axis=-1, keepdims=True)) / onp.exp(x - x.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True)\n',
    ],
    [
      'import torch\n',
      'class A:\n    def f(self):\n        return torch.exp(self.x) / torch.exp(self.x).sum(-1)\n',
      'stable-softmax',
      'class A:\n    def f(self):\n        return torch.softmax(self.x, dim=-1)\n',
    ],
  ])('%s%s', (head, before, id, after) => {
    expect(fixed(`${head}${before}`)[id]).toBe(`${head}${after}`);
  });

  it('and a method of an attribute', () => {
    const text =
      'import torch\nclass A:\n    def f(self, mask):\n        self.dots = self.dots.masked_fill(mask, -torch.inf)\n        return self.dots.softmax(1)\n';
    expect(fixed(text)['unmask-rows']).toBe(
      text.replace(
        '        return self.dots.softmax(1)\n',
        '        scores = self.dots\n        scores = scores.masked_fill(torch.all(scores == float("-inf"), dim=1, keepdim=True), 0.0)\n        return scores.softmax(1)\n',
      ),
    );
  });
});

describe('what is written anew', () => {
  it.each([
    [
      'keeps the comments between operands',
      'bias = (\n    (1.0 - mask)  # 1 where closed\n    * float("-inf")\n)\n',
      'mask-with-where',
      '# 1 where closed\nbias = (\n    torch.where((1.0 - mask) != 0, float("-inf"), 0.0)\n)\n',
    ],
    [
      'keeps the comments between arguments',
      'logits = torch.nan_to_num(\n    logits,  # of the head\n    nan=0.0,\n)\n',
      'show-nan',
      '# of the head\nlogits = logits\n',
    ],
    [
      'goes before a comment behind what it adds to',
      'y = x / (\n    x.norm(dim=-1)  # length\n)\n',
      'eps',
      'y = x / (\n    x.norm(dim=-1) + 1e-6  # length\n)\n',
    ],
    [
      'adds to all of a choice',
      'y = x / (x.norm() if a else x.norm())\n',
      'eps',
      'y = x / ((x.norm() if a else x.norm()) + 1e-6)\n',
    ],
    [
      'shows what where hides',
      'logits = torch.where(torch.isnan(logits), torch.zeros_like(logits), logits)\n',
      'show-nan',
      'logits = logits\n',
    ],
    ['is an epsilon', 'self.norm = nn.LayerNorm(d, eps=0)\n', 'eps', 'self.norm = nn.LayerNorm(d, eps=1e-6)\n'],
    [
      'is in one over a root',
      'y = x * (1 / torch.sqrt(x.var(-1)))\n',
      'eps',
      'y = x * (1 / (torch.sqrt(x.var(-1)) + 1e-6))\n',
    ],
    [
      'keeps a weight from 0',
      'p = torch.softmax(x, -1)\nh = p * p.log()\n',
      'clamp',
      'p = torch.softmax(x, -1)\nh = p * p.clamp(min=1e-12).log()\n',
    ],
    [
      'keeps the logarithm of a masked place finite',
      `logp = torch.log_softmax(${masked.replace('mask == 0', 'scores < k')}, -1)\nh = logp.exp() * logp\n`,
      'clamp',
      `logp = torch.log_softmax(${masked.replace('mask == 0', 'scores < k')}, -1)\nh = logp.exp() * logp.clamp(min=-1e4)\n`,
    ],
    [
      'keeps it finite where it was negated before',
      `logp = -torch.log_softmax(${masked.replace('mask == 0', 'scores < k')}, -1)\nh = torch.exp(-logp) * logp\n`,
      'clamp',
      `logp = -torch.log_softmax(${masked.replace('mask == 0', 'scores < k')}, -1)\nh = torch.exp(-logp) * logp.clamp(max=1e4)\n`,
    ],
    [
      'opens a mask of attention under another name',
      'from torch.nn.functional import scaled_dot_product_attention as sdpa\nmask = torch.tril(a) & pad_mask\ny = sdpa(q, k, v, mask.bool())\n',
      'unmask-rows',
      'from torch.nn.functional import scaled_dot_product_attention as sdpa\nmask = torch.tril(a) & pad_mask\nmask_2 = mask.bool()\nmask_2 = mask_2 | ~mask_2.any(dim=-1, keepdim=True)\ny = sdpa(q, k, v, mask_2)\n',
    ],
    ['needs no parentheses where nothing follows', 'x /= x.norm()\n', 'eps', 'x /= x.norm() + 1e-6\n'],
    ['changes in place what was', 'x.div_(x.norm())\n', 'eps', 'x.div_(x.norm() + 1e-6)\n'],
    [
      'goes before a comma at the end',
      'w = torch.softmax(\n    x.half(),  # scores\n    dim=-1,  # keys\n)\n',
      'fp32-attention',
      'w = torch.softmax(\n    x.half(),  # scores\n    dim=-1, dtype=torch.float32,  # keys\n).to(torch.float16)\n',
    ],
    [
      'replaces a type at its place',
      'w = torch.softmax(x, -1, torch.float16)\n',
      'fp32-attention',
      'w = torch.softmax(x, -1, torch.float32).to(torch.float16)\n',
    ],
    [
      'replaces both halves of a softmax',
      'w = torch.exp(x).div(torch.exp(x).sum(1, keepdim=True))\n',
      'stable-softmax',
      'w = torch.softmax(x, dim=1)\n',
    ],
    [
      'subtracts from both halves',
      'e = torch.exp(x)\ns = e.sum(1, keepdim=True)\nw = e / s\n',
      'stable-softmax',
      'e = torch.exp(x - x.amax(dim=1, keepdim=True))\ns = e.sum(1, keepdim=True)\nw = e / s\n',
    ],
    [
      'gives no value to a name from outside',
      'scores = x.masked_fill(pad_mask, -torch.inf)\ndef f():\n    return torch.softmax(scores, -1)\n',
      'unmask-rows',
      'scores = x.masked_fill(pad_mask, -torch.inf)\ndef f():\n    scores_2 = scores\n    scores_2 = scores_2.masked_fill(torch.all(scores_2 == float("-inf"), dim=-1, keepdim=True), 0.0)\n    return torch.softmax(scores_2, -1)\n',
    ],
  ])('%s', (_, before, id, after) => {
    expect(fixed(`import torch\n${before}`)[id]).toBe(`import torch\n${after}`);
  });
});

describe('open rows', () => {
  const open = (text: string): string | undefined => fixed(`import torch\n${text}`)['unmask-rows']?.slice(13);

  it('of scores that have a name', () => {
    expect(open(`if a:\n\tscores = ${masked}\n\tw = torch.softmax(scores, 1)  # w\n`)).toBe(
      `if a:\n\tscores = ${masked}\n\tscores = scores.masked_fill(torch.all(scores == float("-inf"), dim=1, keepdim=True), 0.0)\n\tw = torch.softmax(scores, 1)  # w\n`,
    );
  });

  it('of scores that get one, which is not taken yet', () => {
    expect(open(`w = ${masked}.softmax(dim=-1)\n`)).toBe(
      `scores_2 = ${masked}\n` +
        'scores_2 = scores_2.masked_fill(torch.all(scores_2 == float("-inf"), dim=-1, keepdim=True), 0.0)\n' +
        'w = scores_2.softmax(dim=-1)\n',
    );
  });

  it('with the line ends of the file', () => {
    expect(open(`scores = ${masked}\r\nw = scores.softmax(-1)\r\n`)).toBe(
      `scores = ${masked}\r\nscores = scores.masked_fill(torch.all(scores == float("-inf"), dim=-1, keepdim=True), 0.0)\r\nw = scores.softmax(-1)\r\n`,
    );
  });

  it.each([
    ['a lambda', `f = lambda scores, mask: ${masked}.softmax(-1)\n`],
    ['a comprehension', `w = [${masked}.softmax(-1) for scores in all_scores]\n`],
    ['a condition', `w = ${masked}.softmax(-1) if masked else None\n`],
    ['an operand that may be left out', `w = masked and ${masked}.softmax(-1)\n`],
    ['the head of a statement', `if ${masked}.softmax(-1).any():\n    pass\n`],
    ['one of two statements on a line', `k = 1; w = ${masked}.softmax(-1)\n`],
  ])('not in %s, where a line before would mean something else', (_, text) => {
    expect(open(text)).toBeUndefined();
    expect(fixed(text)['nan-to-num-softmax']).toContain('torch.nan_to_num(scores');
  });
});

describe('a finite mask', () => {
  const finite = (text: string): string | undefined => fixed(`import torch\n${text}`)['finite-mask']?.slice(13);

  it.each([
    ['-math.inf', 'a.masked_fill(mask == 0, -math.inf)', 'a.masked_fill(mask == 0, torch.finfo(a.dtype).min)'],
    ['float("-inf")', 'a.masked_fill(mask, float("-inf"))', 'a.masked_fill(mask, torch.finfo(a.dtype).min)'],
    ["-float('inf')", "a.masked_fill(mask, -float('inf'))", 'a.masked_fill(mask, torch.finfo(a.dtype).min)'],
    ['of a product', '(q @ k).masked_fill(mask, -torch.inf)', '(q @ k).masked_fill(mask, torch.finfo(q.dtype).min)'],
    ['where', 'torch.where(mask, -torch.inf, a)', 'torch.where(mask, torch.finfo(a.dtype).min, a)'],
  ])('%s', (_, before, after) => {
    const program = (scores: string): string => `def f(q, k, a, mask):\n    return ${scores}.softmax(-1)\n`;
    expect(finite(program(before))).toBe(program(after));
  });

  it('of what is added, in half of the range each', () => {
    const text = (low: string): string =>
      `def f(x, pad_mask):\n    a = torch.full((4, 4), ${low}).triu(1)\n    b = torch.zeros(4, dtype=x.dtype).masked_fill(pad_mask, ${low})\n    return (x + a + b).softmax(-1)\n`;
    expect(finite(text('float("-inf")'))).toBe(
      text('LOW')
        .replace('LOW', 'torch.finfo(torch.get_default_dtype()).min / 2')
        .replace('LOW', 'torch.finfo(x.dtype).min / 2'),
    );
  });

  it('not where a fill came from elsewhere', () => {
    expect(
      finite(`def f(x, mask, low=float("-inf")):\n    return x.masked_fill(mask, low).softmax(-1)\n\nf(a, m)\n`),
    ).toBe(undefined);
  });
});

describe('an epsilon', () => {
  const norm = (divisor: string): string | undefined => fixed(`import torch\ny = x / ${divisor}\n`)['eps']?.slice(21);

  it.each([
    ['x.norm(dim=-1)', '(x.norm(dim=-1) + 1e-6)\n'],
    ['(x.norm(dim=-1))', '(x.norm(dim=-1) + 1e-6)\n'],
    ['torch.sqrt((x**2).sum(-1))', '(torch.sqrt((x**2).sum(-1)) + 1e-6)\n'],
    ['attention_mask.sum(-1)', 'attention_mask.sum(-1).clamp(min=1)\n'],
  ])('to %s', (before, after) => {
    expect(norm(before)).toBe(after);
  });

  it('in NumPy has its names', () => {
    expect(fixed('import numpy as np\ny = np.sqrt(1 - x**2)\n')['clamp']).toBe(
      'import numpy as np\ny = np.sqrt((1 - x**2).clip(min=0.0))\n',
    );
  });

  it('under an inverse root', () => {
    const text = (v: string): string => `import torch\ny = x * torch.rsqrt(${v})\nz = 1\n`;
    expect(fixed(text('x.pow(2).mean(-1)'))['eps']).toBe(text('x.pow(2).mean(-1) + 1e-6'));
  });
});

describe('a product', () => {
  it('that is assigned again', () => {
    expect(fixed('import torch\nmask *= float("-inf")\n')['mask-with-where']).toBe(
      'import torch\nmask = torch.where(mask != 0, float("-inf"), 0.0)\n',
    );
  });

  it('that is a call', () => {
    expect(fixed('import torch\nb = torch.mul(1 - mask, float("-inf"))\n')['mask-with-where']).toBe(
      'import torch\nb = torch.where((1 - mask) != 0, float("-inf"), 0.0)\n',
    );
  });
});
