/** From a finding of an ONNX run to the line that computes it, by the names of its modules. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findSource } from '../../../src/app/source/findSource';
import { findingPlaces } from '../../../src/app/source/findingPlaces';
import { classesIn } from '../../../src/core/python/modules/classes';
import { fixesOfBirth } from '../../../src/core/python/fixes';
import { ended, textOf } from '../../../src/core/python/syntax';
import { examine } from '../../../src/core/python/findings';
import type { Finding, Origin } from '../../../src/core/report';
import type { PythonParser } from '../../../src/runtime/python/parser';
import { pythonParser } from '../../support/pythonParser';
import { seedReport } from '../../support/seedReport';

const latent = readFileSync(path.join(import.meta.dirname, '../../fixtures/python/models/latent.py'), 'utf8');
const base = seedReport();
const report = { ...base, engine: { ...base.engine, name: 'onnxruntime-node' as const } };
const [origin] = base.origins;
if (!origin) throw new Error('the report of the investigation has a birth');

const finding = (node: string, op: string, facts: Partial<Finding> = {}): Finding => ({
  ...origin,
  node,
  op,
  ...facts,
});

let python: PythonParser;
beforeAll(async () => {
  python = await pythonParser();
});

/** `file:line text` of what is found. */
async function places(texts: Readonly<Record<string, string>>, sought: Finding): Promise<readonly string[]> {
  const found = await findSource(
    { files: Object.keys(texts), read: (file) => Promise.resolve(texts[file] ?? null) },
    python,
    report,
    sought,
    new AbortController().signal,
  );
  return found.map(
    ({ file, line, from, to, exact, others }) =>
      `${file}:${String(line)} ${(texts[file] ?? '').slice(from, to)}${exact ? '' : ' (around it)'}${others > 0 ? ` +${String(others)}` : ''}`,
  );
}

describe('the source of a finding', () => {
  it.each([
    ['/layers.0/self_attn/Softmax', 'Softmax', '21 F.softmax(scores, dim=-1)'],
    ['/layers.12/self_attn/q_a_proj/MatMul', 'MatMul', '41 self.q_a_proj(x)'],
    ['/layers.0/self_attn/q_a_layernorm/Sqrt', 'Sqrt', '16 torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)'],
    ['/layers.0/self_attn/Div', 'Div', '20 query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])'],
    ['/embed_tokens/Gather', 'Gather', '91 self.embed_tokens(input_ids)'],
    ['/model/decoder/layers.3/mlp/Mul', 'Mul', '59 F.silu(self.gate_proj(x)) * self.up_proj(x)'],
  ])('%s', async (node, op, line) => {
    expect(await places({ 'latent.py': latent }, finding(node, op))).toEqual([`latent.py:${line}`]);
  });

  it('is told by scopes where the name says nothing', async () => {
    const sought = finding('node_softmax_3', 'Softmax', { module: 'model.layers.0.self_attn' });
    expect(await places({ 'latent.py': latent }, sought)).toEqual(['latent.py:21 F.softmax(scores, dim=-1)']);
  });

  it('is the class where nothing is known of how the operator is written', async () => {
    expect(await places({ 'latent.py': latent }, finding('/layers.0/self_attn/Foo', 'Foo'))).toEqual([
      'latent.py:25 LatentAttention (around it)',
    ]);
  });

  it('is in the file whose classes have all of the path, and not in one that has the last name', async () => {
    const other = 'class Block:\n    def __init__(self):\n        self.self_attn = Other()\n';
    expect(
      await places({ 'latent.py': latent, 'other.py': other }, finding('/layers.0/self_attn/Softmax', 'Softmax')),
    ).toEqual(['latent.py:21 F.softmax(scores, dim=-1)']);
  });

  it('is in another file, where the class comes from there', async () => {
    const attention = `class Attention:\n    def forward(self, scores):\n        return scores.softmax(-1)\n`;
    const layer = `from attention import Attention\n\n\nclass Layer:\n    def __init__(self):\n        self.attn = Attention()\n\n    def forward(self, x):\n        return self.attn(x)\n`;
    const model = `from layer import Layer\n\n\nclass Model:\n    def __init__(self):\n        self.layers = [Layer()]\n`;
    const texts = { 'attention.py': attention, 'layer.py': layer, 'model.py': model };
    expect(await places(texts, finding('/attn/Softmax', 'Softmax'))).toEqual(['attention.py:3 scores.softmax(-1)']);
  });

  it('is each of two files that have the module alike', async () => {
    expect(
      await places({ 'a.py': latent, 'b.py': latent }, finding('/layers.0/self_attn/Softmax', 'Softmax')),
    ).toHaveLength(2);
  });

  it('is in the class that a base builds', async () => {
    const text =
      'class Base:\n    def __init__(self):\n        self.attn = Attention()\n\n\nclass Attention:\n    def forward(self, x):\n        return x.softmax(-1)\n\n\nclass Model(Base):\n    pass\n\n\nclass Outer:\n    def __init__(self):\n        self.model = Model()\n';
    expect(await places({ 'm.py': text }, finding('/model/attn/Softmax', 'Softmax'))).toEqual(['m.py:8 x.softmax(-1)']);
  });

  it.each([
    ['a module that no class has', { 'latent.py': latent }, finding('/blocks.0/attn/Softmax', 'Softmax')],
    ['a path that ends elsewhere', { 'latent.py': latent }, finding('/layers.0/self_attn/rotary/Mul', 'Mul')],
    ['a name without modules', { 'latent.py': latent }, finding('Softmax_12', 'Softmax')],
    ['a graph input', { 'latent.py': latent }, { ...finding('', ''), node: null, op: null }],
    ['no Python', { 'x.py': '\u0001 self_attn ((((' }, finding('/layers.0/self_attn/Softmax', 'Softmax')],
    [
      'classes that build one another',
      {
        'x.py':
          'class A(B):\n    def f(self):\n        self.b = B()\n\n\nclass B(A):\n    def f(self):\n        self.a = A()\n',
      },
      finding('/a/b/a/b/c/Softmax', 'Softmax'),
    ],
    [
      'names that objects of JavaScript have',
      {
        'x.py': 'class constructor:\n    def f(self):\n        self.toString = __proto__()\n',
      },
      finding('/toString/__proto__/valueOf/Softmax', 'valueOf'),
    ],
  ])('is none for %s', async (_, texts, sought) => {
    expect(await places(texts as unknown as Record<string, string>, sought)).toEqual([]);
  });
});

describe('the findings of a report in a file', () => {
  const born: Origin = { ...origin, node: '/layers.0/self_attn/Softmax', op: 'Softmax', mechanism: 'fully-masked-row' };
  const told = (isSource: boolean, source?: Finding['source']) => {
    const file = classesIn(python.parse(latent));
    const one = source ? { ...born, source } : born;
    return findingPlaces(
      { ...report, origins: [one], spread: [] },
      { path: '/m/latent.py', file, isSource },
      ended(examine(file.tree)),
    );
  };

  it('are none in a file of which nobody said that it is the source', () => {
    expect(told(false)).toEqual([]);
  });

  it('are where the classes say, and have a fix there though no rule complains', () => {
    const [place] = told(true);
    const tree = python.parse(latent);
    expect(place && textOf(tree, place.node)).toBe('F.softmax(scores, dim=-1)');
    const fixes = place ? fixesOfBirth(tree, place.node, 'fully-masked-row', []) : [];
    expect(fixes.map(({ id }) => id)).toEqual(['unmask-rows', 'zero-masked-rows', 'nan-to-num-softmax']);
    expect(place ? fixesOfBirth(tree, place.node, 'nan-in-weights', []) : null).toEqual([]);
  });

  it('are each of every layer, and of every operation, though layers are written once', () => {
    const file = classesIn(python.parse(latent));
    const of = (node: string, op: string): Origin => ({ ...born, node, op });
    const origins = [
      of('/layers.0/self_attn/Softmax', 'Softmax'),
      of('/layers.11/self_attn/Softmax', 'Softmax'),
      of('/layers.11/self_attn/Div', 'Div'),
      of('/layers.11/nothing/Softmax', 'Softmax'),
    ];
    const found = findingPlaces(
      { ...report, origins, spread: [] },
      { path: '/m/latent.py', file, isSource: true },
      ended(examine(file.tree)),
    );
    expect(
      found.map(({ finding: { node, op }, node: place }) => [node, op, textOf(file.tree, place).slice(0, 12)]),
    ).toEqual([
      ['/layers.0/self_attn/Softmax', 'Softmax', 'F.softmax(sc'],
      ['/layers.11/self_attn/Softmax', 'Softmax', 'F.softmax(sc'],
      ['/layers.11/self_attn/Div', 'Div', 'query @ key.'],
    ]);
  });

  it('are on the line that a trace or an exporter recorded', () => {
    const [place] = told(false, { file: '/m/latent.py', line: 21 });
    expect(place && textOf(python.parse(latent), place.node)).toBe('F.softmax(scores, dim=-1)');
    expect(told(false, { file: '/m/latent.py', line: 30 })).toEqual([]);
    expect(told(false, { file: '/other/latent.py', line: 21 })).toEqual([]);
  });
});
