/** bert-mini against an independent PyTorch forward pass, module by module. */
import { agreement } from './agreement';
import type { Case } from './agreement';
import { agreesWithTorch, tableAgreesWithTorch } from './agrees';

const variants: readonly Case[] = ['eager-add', 'eager-where', 'finfo-min', 'fused'].flatMap((attention): Case[] => {
  const uri = `builtin:bert-mini?attention=${attention}`;
  return [
    { uri, lengths: [5, 35], pad: 'left' },
    { uri, lengths: [5, 35], pad: 'right' },
    { uri, lengths: [12, 12], pad: 'none' },
    { uri, lengths: [0, 7, 12], pad: 'right' },
  ];
});
const sizes: readonly Case[] = [
  'layers=2&hidden=96&heads=6&seed=9',
  'layers=3&hidden=32&heads=1&seed=4294967295',
  'layers=1&hidden=16&heads=16&attention=fused',
].map((options) => ({ uri: `builtin:bert-mini?${options}`, lengths: [3, 20, 11], pad: 'right' }));

function tensorOf(module: string): string {
  if (module === 'last_hidden_state' || module === 'pooler_output') return module;
  const path = `/${module
    .replace(/^encoder\./, 'encoder/')
    .replace(/(layer\.\d+)\./, '$1/')
    .replace(/\.(self|dense|LayerNorm|output)/g, '/$1')}`;
  if (module === 'embeddings') return '/embeddings/LayerNorm/LayerNormalization_output_0';
  if (module.endsWith('self')) return `${path}/Reshape_3_output_0`;
  if (module.endsWith('dense')) return `${path}/Add_output_0`;
  if (module.endsWith('intermediate')) return `${path}/intermediate_act_fn/Mul_1_output_0`;
  // The layer's own output: its second norm. The last layer's is an output of the graph.
  if (/layer\.\d+$/.test(module)) return '';
  return `${path}/LayerNormalization_output_0`;
}

const cases = [...variants, ...sizes];
const agreed = agreement('bert_mini_torch.py', tensorOf, cases);
agreesWithTorch(agreed, cases);
tableAgreesWithTorch(
  agreed,
  variants.filter(({ pad, lengths }) => pad === 'left' || lengths[0] === 0),
  /embeddings|self\/|intermediate/,
);
