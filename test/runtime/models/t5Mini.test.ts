/** t5-mini against an independent PyTorch forward pass, module by module. */
import { agreement } from './agreement';
import type { Case } from './agreement';
import { agreesWithTorch, tableAgreesWithTorch } from './agrees';

const variants: readonly Case[] = ['eager-add', 'eager-where', 'finfo-min', 'fused'].flatMap((attention): Case[] => {
  const uri = `builtin:t5-mini?attention=${attention}`;
  return [
    { uri, lengths: [5, 35], pad: 'left' },
    { uri, lengths: [5, 35], pad: 'right' },
    { uri, lengths: [12, 12], pad: 'none' },
    { uri, lengths: [0, 7, 12], pad: 'left' },
    { uri, lengths: [2, 9], memory: [17, 6], pad: 'left' },
    // The second sample has nothing to read from: its cross-attention masks every key.
    { uri, lengths: [4, 4], memory: [6, 0], pad: 'right' },
  ];
});
const sizes: readonly Case[] = [
  'layers=2&hidden=96&heads=6&seed=9',
  'layers=2&hidden=32&heads=1&seed=4294967295',
  'layers=1&hidden=16&heads=16&attention=fused',
].map((options) => ({ uri: `builtin:t5-mini?${options}`, lengths: [3, 20, 11], pad: 'left' }));
/** All buckets of distance, those at 64 and from 128 on too. */
const long: Case = { uri: 'builtin:t5-mini?layers=1&heads=2', lengths: [300], memory: [200], pad: 'none' };

function tensorOf(module: string): string {
  if (module === 'logits') return 'logits';
  const path = `/${module
    .replace(/^(encoder|decoder)\./, '$1/')
    .replace(/(block\.\d+)\./, '$1/')
    .replace(/(layer\.\d+)\./, '$1/')}`;
  if (module.endsWith('embed_tokens')) return `${path}/Gather_output_0`;
  if (module.endsWith('norm')) return `${path}/Mul_1_output_0`;
  if (module.endsWith('Attention')) return `${path}/o/MatMul_output_0`;
  if (module.endsWith('Dense')) return `${path}/wo/MatMul_output_0`;
  return `${path}/layer.${module.startsWith('encoder') ? '1' : '2'}/Add_output_0`;
}

const cases = [...variants, ...sizes, long];
const agreed = agreement('t5_mini_torch.py', tensorOf, cases);
agreesWithTorch(agreed, cases);
tableAgreesWithTorch(
  agreed,
  variants.filter(({ pad, memory }) => pad === 'left' || memory !== undefined),
);
