/** gpt2-mini against an independent PyTorch forward pass, module by module. */
import { agreement } from './agreement';
import type { Case } from './agreement';
import { agreesWithTorch, tableAgreesWithTorch } from './agrees';

const variants: readonly Case[] = ['eager-add', 'eager-where', 'finfo-min', 'fused'].flatMap((attention): Case[] => {
  const uri = `builtin:gpt2-mini?attention=${attention}`;
  return [
    { uri, lengths: [5, 35], pad: 'left' },
    { uri, lengths: [5, 35], pad: 'right' },
    { uri, lengths: [12, 12], pad: 'none' },
    { uri, lengths: [0, 7, 12], pad: 'left' },
  ];
});
const sizes: readonly Case[] = [
  'layers=2&hidden=96&heads=6&seed=9',
  'layers=3&hidden=32&heads=1&seed=4294967295',
  'layers=2&positions=arange&seed=2',
  'layers=2&positions=arange&attention=finfo-min',
  'layers=1&hidden=16&heads=16&attention=fused',
].map((options) => ({ uri: `builtin:gpt2-mini?${options}`, lengths: [3, 20, 11], pad: 'left' }));
const longest: Case = { uri: 'builtin:gpt2-mini?layers=1&attention=finfo-min', lengths: [1024], pad: 'none' };

function tensorOf(module: string): string {
  if (module === 'logits') return 'logits';
  const path = `/${module.replace(/^transformer\./, 'transformer/').replace(/(h\.\d+)\./, '$1/')}`;
  if (module.endsWith('wte')) return `${path}/Gather_output_0`;
  if (/ln_\w$/.test(module)) return `${path}/LayerNormalization_output_0`;
  if (/attn$|mlp$/.test(module)) return `${path}/c_proj/Reshape_1_output_0`;
  return `${path}/Add_1_output_0`;
}

const cases = [...variants, ...sizes, longest];
const agreed = agreement('gpt2_mini_torch.py', tensorOf, cases);
agreesWithTorch(agreed, cases);
tableAgreesWithTorch(
  agreed,
  variants.filter(({ pad }) => pad === 'left'),
);
