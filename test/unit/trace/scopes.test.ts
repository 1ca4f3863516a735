/** Metadata of PyTorch's newer exporter, in the form that it writes; lists are written by Python's own `repr`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, StringStringEntryProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { Graph, graphOf } from '../../../src/core/onnx/graph';
import { nodePlaces } from '../../../src/core/trace/places';
import { moduleOfNode, sourceOfNode } from '../../../src/core/trace/scopes';
import { withLines } from '../../../src/core/trace/written';
import { pythonCode } from '../../support/python';
import { seedReport } from '../../support/seedReport';
import { stripNames } from '../../support/stripNames';
import { exportedModels, exportsFolder } from '../onnx/fixtures';
import { model, node, value } from '../onnx/support';

const [birth] = seedReport().origins;
if (!birth) throw new Error('the report of the investigation has a birth');

const entries = (props: Readonly<Record<string, string>>) =>
  Object.entries(props).map(([key, text]) => create(StringStringEntryProtoSchema, { key, value: text }));

function nodeWith(props: Readonly<Record<string, string>>) {
  const graph = new Graph(
    model({
      name: 'g',
      input: [value('x', [1])],
      output: [value('y', [1])],
      node: [node('Softmax', ['x'], ['y'], { name: 'node_softmax_3', metadataProps: entries(props) })],
    }),
  );
  const [only] = graph.nodes;
  if (!only) throw new Error('no node');
  return only;
}
const scopes = (text: string): string => moduleOfNode(nodeWith({ 'pkg.torch.onnx.name_scopes': text }));

describe('the module of a node', () => {
  it('is the last scope but the operation', () => {
    expect(scopes("['', 'model', 'model.layers.0', 'model.layers.0.self_attn', 'softmax_3']")).toBe(
      'model.layers.0.self_attn',
    );
    expect(scopes("['', 'add_7']")).toBe('');
    expect(scopes("['add_7']")).toBe('');
    expect(scopes('[]')).toBe('');
  });

  it('is read from the namespace where only that is there', () => {
    const namespace =
      ': __main__.Net/model: pkg.Model/model.layers.11: pkg.DecoderLayer/model.layers.11.mlp: pkg.MLP/linear_80: aten.linear.default';
    expect(moduleOfNode(nodeWith({ namespace }))).toBe('model.layers.11.mlp');
    expect(moduleOfNode(nodeWith({ namespace: 'softmax: aten.softmax.int' }))).toBe('');
  });

  it('comes without the marks of tracing', () => {
    expect(scopes(`["L['self']", "L['self'].layers.0.attn", 'softmax']`)).toBe('layers.0.attn');
    expect(scopes("['', 'layers.0@1', 'layers.0@1.attn@2', 'softmax']")).toBe('layers.0.attn');
  });

  it.each(["['', 'a'", "'', 'a', 'b']", "['a' 'b', 'c']", "['a', b, 'c']", "['a', 'b', 'c'] + x", '{}', '', "['a\\"])(
    'is not guessed from %j',
    (text) => {
      expect(scopes(text)).toBe('');
    },
  );

  it('of whatever Python writes', async () => {
    const lists = [
      ['', 'model', "model.it's", 'add'],
      ['', 'a"b', 'add'],
      ['', `both ' and "`, 'add'],
      ['', 'back\\slash', 'add'],
      ['', 'größe.层', 'add'],
    ];
    const code = 'import json, sys; print(json.dumps([repr(l) for l in json.loads(sys.argv[1])]))';
    const written = JSON.parse(await pythonCode(code, JSON.stringify(lists))) as string[];
    expect(written.map(scopes)).toEqual(lists.map((list) => list.at(-2)));
  });

  // Work that grows with the square would take minutes and fail by the time-out.
  it('of a hostile list are none', { timeout: 60_000 }, () => {
    expect(scopes(`[${"'a', ".repeat(1_000_000)}`)).toBe('');
    expect(scopes(`[${"'a', ".repeat(10_000)}`)).toBe('');
    expect(scopes(`['${'\\'.repeat(60_000)}`)).toBe('');
  });
});

describe('the source of a node', () => {
  const source = (text: string) => sourceOfNode(nodeWith({ 'pkg.torch.onnx.stack_trace': text }));

  it('is the innermost line that is not PyTorch’s own', () => {
    const trace = [
      'File "/home/a b/train.py", line 96, in forward',
      '    return self.network(x)',
      '  File "/usr/lib/python3.12/site-packages/torch/nn/modules/container.py", line 250, in forward',
      '    input = module(input)',
      '  File "/usr/lib/python3.12/site-packages/transformers/models/llama/modeling_llama.py", line 210, in eager',
      '    weights = nn.functional.softmax(weights, dim=-1)',
      '  File "/usr/lib/python3.12/site-packages/torch/nn/functional.py", line 1890, in softmax',
      '    ret = input.softmax(dim)',
    ].join('\n');
    expect(source(trace)).toEqual({
      file: '/usr/lib/python3.12/site-packages/transformers/models/llama/modeling_llama.py',
      line: 210,
    });
    expect(source(trace.split('\n').slice(0, 4).join('\n'))).toEqual({ file: '/home/a b/train.py', line: 96 });
    expect(source('File "C:\\Users\\me\\model.py", line 3, in forward')).toEqual({
      file: 'C:\\Users\\me\\model.py',
      line: 3,
    });
  });

  it('is null where nothing tells it', () => {
    expect(sourceOfNode(nodeWith({}))).toBeNull();
    expect(source('')).toBeNull();
    expect(source('somewhere, line 3')).toBeNull();
    expect(source('File "/x/dist-packages/torch/nn/functional.py", line 1, in f')).toBeNull();
  });
});

describe('a finding', () => {
  const told = (name: string, props: Readonly<Record<string, string>>) => {
    const { proto } = nodeWith(props);
    const graph = new Graph(
      model({
        name: 'g',
        input: [value('x', [1])],
        output: [value('y', [1])],
        node: [node('Softmax', ['x'], ['y'], { name, metadataProps: proto.metadataProps })],
      }),
    );
    const [finding] = withLines([{ ...birth, tensor: 'y', node: name, evidence: {} }], graph);
    return { module: finding?.module, source: finding?.source };
  };
  const scope = { 'pkg.torch.onnx.name_scopes': "['', 'layers.0', 'layers.0.attn', 'softmax']" };

  it('has the module and the line that the exporter left in the metadata', () => {
    expect(
      told('node_softmax_3', { ...scope, 'pkg.torch.onnx.stack_trace': 'File "/m/model.py", line 7, in forward' }),
    ).toEqual({ module: 'layers.0.attn', source: { file: '/m/model.py', line: 7 } });
  });

  it('has no module beside a name that tells it, and nothing that nobody wrote', () => {
    expect(told('/layers.0/attn/Softmax', scope)).toEqual({});
    expect(told('node_softmax_3', {})).toEqual({});
  });
});

/** As the exporter writes a node of module `a.b`: every module on the way, then the operation. */
function written(nodeName: string, op: string, index: number): Readonly<Record<string, string>> {
  const path = nodeName.startsWith('/') ? nodeName.split('/').slice(1, -1) : [];
  const modules = ['', ...path.map((_, i) => path.slice(0, i + 1).join('.'))];
  const operation = `${op.toLowerCase()}_${String(index)}`;
  const classes = modules.map((_, i) => `__main__.Class${String(i)}`);
  const list = (items: readonly string[]): string => `[${items.map((item) => `'${item}'`).join(', ')}]`;
  return {
    namespace: [
      ...modules.map((name, i) => `${name}: ${classes[i] ?? ''}`),
      `${operation}: aten.${op.toLowerCase()}.default`,
    ].join('/'),
    'pkg.torch.onnx.class_hierarchy': list([...classes, `aten.${op.toLowerCase()}.default`]),
    'pkg.torch.onnx.fx_node': `%${operation} : [num_users=1] = call_function[target=torch.ops.aten.x](args = ())`,
    'pkg.torch.onnx.name_scopes': list([...modules, operation]),
    'pkg.torch.onnx.stack_trace': 'File "/home/me/model.py", line 7, in forward\n    return self.net(x)',
  };
}

describe.each(exportedModels)('%s with its names in metadata only', (file) => {
  const original = fromBinary(ModelProtoSchema, readFileSync(join(exportsFolder, file)));

  it.each(['name_scopes', 'namespace'])('has every node where the names had it, by %s', (kept) => {
    const named = new Graph(original);
    const { proto } = stripNames(original, (index) => `node_${String(index)}`);
    for (const [index, entry] of graphOf(proto).node.entries()) {
      const props = written(named.nodes[index]?.name ?? '', entry.opType, index);
      entry.metadataProps = entries(
        Object.fromEntries(
          Object.entries(props).filter(([key]) => kept === 'name_scopes' || !key.endsWith('name_scopes')),
        ),
      );
    }
    const scoped = new Graph(proto);
    expect(nodePlaces(named).by).toBe('names');
    expect(nodePlaces(scoped).by).toBe('scopes');
    const places = (graph: Graph): unknown =>
      graph.nodes.map((entry) => ({ ...nodePlaces(graph).of(entry), of: nodePlaces(graph).layerModule(entry) }));
    expect(places(scoped)).toEqual(places(named));
    expect(scoped.nodes.every((entry) => sourceOfNode(entry)?.line === 7)).toBe(true);
  });
});
