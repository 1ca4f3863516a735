/**
 * Every fix on every built-in model in every form of attention: it declines in a sentence, or the engine takes the model
 * at each level, an independent checker finds nothing, and all that the fix did not mean to change is as it was.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { NodeProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixes, traps } from '../../../src/core/fix';
import { buildModel } from '../../../src/core/models';
import { attentionKinds } from '../../../src/core/models/masks';
import { fixKey } from '../../../src/core/onnx/edit';
import { engineLevels } from '../../../src/core/report';
import { addedNodeFaults } from '../../support/addedNodes';
import { bytesOf, patched, patientOf, run } from '../../support/fixing';
import { pythonCode } from '../../support/python';

const models = ['kimi-k2-mini', 'llama-mini', 'gpt2-mini', 'bert-mini', 't5-mini'];
/** Debian's checker knows opsets up to 17. */
const checked = 17;
const checker = `
import sys, onnx
for path in sys.argv[1:]:
    onnx.checker.check_model(onnx.load(path), full_check=True)
print(len(sys.argv) - 1)
`;

/** A field that no version of ONNX knows, in the model, its graph and a node. */
function withUnknownFields(proto: ModelProto): ModelProto {
  const unknown = [{ no: 4242, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
  proto.$unknown = unknown;
  if (proto.graph) proto.graph.$unknown = unknown;
  const node = proto.graph?.node[3];
  if (node) node.$unknown = unknown;
  return proto;
}

/** What no fix may change: everything but the nodes it adds and the inputs it diverts. */
function kept(proto: ModelProto): unknown {
  const { graph } = proto;
  const own = graph?.node.filter((node) => !node.metadataProps.some(({ key }) => key === fixKey)) ?? [];
  return {
    ir: proto.irVersion,
    opsets: proto.opsetImport.map(({ domain, version }) => [domain, version]),
    producer: [proto.producerName, proto.producerVersion, proto.docString],
    metadata: proto.metadataProps.map(({ key, value }) => [key, value]),
    unknown: [proto.$unknown, graph?.$unknown, ...own.map((node) => node.$unknown)],
    values: [...(graph?.input ?? []), ...(graph?.output ?? [])].map((value) => toBinary(ValueInfoProtoSchema, value)),
    weights: graph?.initializer.map(({ name, rawData }) => [name, rawData.length]),
    nodes: own.map(({ name, opType, domain, input, attribute }) => [
      name,
      opType,
      domain,
      input.length,
      attribute.length,
    ]),
  };
}

describe.each(models)('%s', (id) => {
  let folder = '';
  const files: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nanoscope-forms-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(attentionKinds)('%s: applies and loads, or declines', async (kind) => {
    const proto = withUnknownFields(buildModel(`builtin:${id}?layers=2&attention=${kind}`).proto);
    const who = await patientOf(proto, null, { lengths: { lengths: [0, 3, 7], pad: 'left', seed: 1 } });
    const before = kept(proto);
    let applied = 0;
    for (const fix of [...fixes, ...traps]) {
      const plan = fix.plan(who.context);
      if (!plan.applies) {
        expect(plan.reason, fix.id).toMatch(/^[A-Z].*\.$/);
        continue;
      }
      applied += 1;
      expect(plan.note, fix.id).toMatch(/^[A-Z].*\.$/);
      const model = patched(proto, plan);
      expect(kept(model), fix.id).toEqual(before);
      const names = model.graph?.node.flatMap(({ output }) => output) ?? [];
      for (const name of proto.graph?.node.flatMap(({ output }) => output) ?? []) expect(names).toContain(name);
      expect(model.graph?.node.some((node) => toBinary(NodeProtoSchema, node).length === 0)).toBe(false);
      expect(
        addedNodeFaults(model, (value) => who.context.dtype(value)),
        fix.id,
      ).toEqual([]);
      const bytes = bytesOf(model);
      for (const level of engineLevels) {
        const outputs = await run(bytes, who.inputs, level);
        expect(Object.keys(outputs), `${fix.id} at ${level}`).toEqual([...who.context.graph.outputs]);
      }
      if (who.context.graph.opset > checked) continue;
      const file = join(folder, `${kind}-${fix.id}.onnx`);
      await writeFile(file, bytes);
      files.push(file);
    }
    // Masks that are finite, or a kernel that gives zeros, leave nothing to mend.
    expect(applied > 0).toBe(kind === 'eager-add' || kind === 'eager-where');
  });

  it('an independent checker accepts what they made', async () => {
    expect(files.length).toBeGreaterThan(10);
    expect((await pythonCode(checker, ...files)).trim()).toBe(String(files.length));
  });
});
