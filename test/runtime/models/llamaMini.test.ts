/** llama-mini against an independent PyTorch forward pass, module by module. */
import { agreement } from './agreement';
import type { Case } from './agreement';
import { agreesWithTorch, tableAgreesWithTorch } from './agrees';

const left = { lengths: [5, 35], pad: 'left' } as const;
const variants: readonly Case[] = ['eager-add', 'eager-where', 'finfo-min', 'fused'].flatMap((attention): Case[] => {
  const uri = `builtin:llama-mini?attention=${attention}`;
  return [
    { uri, ...left },
    { uri, lengths: [5, 35], pad: 'right' },
    { uri, lengths: [12, 12], pad: 'none' },
    { uri, lengths: [0, 7, 12], pad: 'left' },
  ];
});
const sizes: readonly Case[] = [
  'layers=2&hidden=96&heads=6&kvHeads=3&seed=9',
  'layers=3&hidden=32&heads=1&kvHeads=1&seed=4294967295',
  'layers=1&hidden=16&heads=16&kvHeads=1&seed=3',
  'layers=2&heads=6&kvHeads=2&attention=fused&seed=5',
  'layers=61&attention=eager-where',
].map((options) => ({ uri: `builtin:llama-mini?${options}`, lengths: [3, 20, 11], pad: 'left' }));

function tensorOf(module: string): string {
  if (module === 'logits') return 'logits';
  const path = `/${module.replace(/^model\./, 'model/').replace(/(layers\.\d+)\./, '$1/')}`;
  if (module.endsWith('embed_tokens')) return `${path}/Gather_output_0`;
  if (module.endsWith('norm')) return `${path}/Mul_1_output_0`;
  if (module.endsWith('self_attn')) return `${path}/o_proj/MatMul_output_0`;
  if (module.endsWith('mlp')) return `${path}/down_proj/MatMul_output_0`;
  return `${path}/Add_1_output_0`;
}

const cases = [...variants, ...sizes];
const agreed = agreement('llama_mini_torch.py', tensorOf, cases);
agreesWithTorch(agreed, cases);
tableAgreesWithTorch(
  agreed,
  variants.filter(({ pad }) => pad === 'left'),
);
