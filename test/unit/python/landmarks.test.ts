/** What the hover says of masks, softmaxes and attention that no rule complains about. */
import { beforeAll, describe, expect, it } from 'vitest';
import { provenText } from '../../../src/app/source/proven';
import { examine } from '../../../src/core/python/findings';
import { ended } from '../../../src/core/python/syntax';
import type { PythonParser } from '../../../src/runtime/python/parser';
import { pythonParser } from '../../support/pythonParser';
import { seedReport } from '../../support/seedReport';

let python: PythonParser;
beforeAll(async () => {
  python = await pythonParser();
});

/** `name: sentence` of one kind, each once. */
function said(text: string, kind: string): readonly string[] {
  const { landmarks } = ended(examine(python.parse(text)));
  const of = landmarks.filter((landmark) => landmark.kind === kind);
  return [...new Set(of.map(({ from, to, said: sentence }) => `${text.slice(from, to)}: ${sentence}`))];
}

describe('a mask', () => {
  it.each([
    ['causal = torch.ones(4, 4).tril().bool()\n', 'causal: A boolean mask (causal); it leaves every position itself.'],
    [
      'bias = torch.full((4, 4), float("-inf")).triu(1).masked_fill(pad_mask, float("-inf"))\n',
      'bias: An added mask of -inf (causal and padding); nothing seen here opens a row that it closes whole.',
    ],
    [
      'mask = torch.tril(a) & pad_mask\nmask |= ~mask.any(-1, keepdim=True)\nprint(mask)\n',
      'mask: A mask (causal and padding); rows that it closes whole are opened.',
    ],
    [
      'low = (1.0 - attention_mask) * torch.finfo(x.dtype).min\n',
      "low: An added mask of the type's lowest number (padding); nothing seen here opens a row that it closes whole.",
    ],
  ])('%s', (text, sentence) => {
    expect(said(text, 'mask')).toContain(sentence);
  });
});

describe('a softmax', () => {
  it.each([
    ['w = scores.softmax(-1)\n', 'softmax: No mask of this file is seen to reach its scores.'],
    [
      'w = torch.softmax(x.masked_fill(~torch.tril(a).bool(), -math.inf), -1)\n',
      'softmax: Its scores are masked with an added mask of -inf (causal); every position is left itself.',
    ],
    [
      'w = torch.softmax(x.masked_fill(pad_mask, -1e9), -1)\nw = torch.nan_to_num(w)\n',
      'softmax: Its scores are masked with an added mask of a large negative number (padding); a guard behind it clears rows that are masked whole.',
    ],
  ])('%s', (text, sentence) => {
    expect(said(text, 'softmax')).toEqual([sentence]);
  });
});

it('attention says what it is given', () => {
  expect(said('F.scaled_dot_product_attention(q, k, v, attn_mask=pad_mask)\n', 'attention')).toEqual([
    'scaled_dot_product_attention: It is given a mask (padding).',
  ]);
  expect(said('F.scaled_dot_product_attention(q, k, v, is_causal=True)\n', 'attention')).toEqual([
    'scaled_dot_product_attention: Its mask is not seen in this file.',
  ]);
});

it('what the last diagnosis proved is said of a fix by its name', () => {
  const report = seedReport();
  const [fix] = report.fixes ?? [];
  if (!fix) throw new Error('the report of the investigation has fixes');
  const proven = (verdict: typeof fix.verdict) =>
    provenText({ ...report, fixes: [{ ...fix, id: 'eps', verdict }] }, 'eps');
  expect(proven('heals')).toBe('heals in the last diagnosis');
  expect(proven('hides')).toBe('hides the error in the last diagnosis');
  expect(proven('declines')).toBeNull();
  expect(provenText(report, 'no-such-fix')).toBeNull();
});
