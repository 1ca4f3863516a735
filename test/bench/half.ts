/**
 * What true rounding costs: the same transformer in float16, with fences and with fences and probes, against the plain
 * run, which computes it in float32. Medians of alternating pairs.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataLocation } from 'onnx-buf';
import { encode, encodePlain } from '../../src/app/measure/facts';
import { prepare } from '../../src/app/measure/measure';
import { axesOfInputs, openSubject } from '../../src/app/subject';
import { probed } from '../../src/core/probe/instrument';
import { createEngine } from '../../src/runtime/client/engine';
import { nodeFiles } from '../../src/runtime/files/nodeFiles';
import { halfFeeds, halved } from '../../src/core/onnx/halve';
import { inTemporaryFolder } from './support/files';
import { Limits } from './support/limits';
import { pairs, peakMemory } from './support/measure';
import { transformer } from './support/transformer';
import { measuring } from '../../src/app/measure/sessions';

const PAIRS = Number(process.env.BENCH_PAIRS ?? 9);

async function main(workerPath: string): Promise<void> {
  const limits = new Limits();
  await inTemporaryFolder(async (folder) => {
    const made = transformer({
      layers: 12,
      hidden: 512,
      heads: 8,
      lengths: [30, 64, 100, 120],
      positions: 128,
      opset: 17,
      norm: 'fused',
    });
    for (const tensor of made.model.graph?.initializer ?? []) {
      const given = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
      if (!given.has('location')) continue;
      const from = Number(given.get('offset'));
      tensor.rawData = made.weights.slice(from, from + Number(given.get('length')));
      tensor.externalData = [];
      tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
    }
    const path = join(folder, 'model.onnx');
    await writeFile(path, toBinary(ModelProtoSchema, halved(made.model)));
    const subject = await openSubject(nodeFiles, path);
    const { externalDataFolder } = subject.loaded;
    const target = { graph: subject.graph, inputs: halfFeeds(made.feeds), externalDataFolder };
    const job = createEngine({ workerPath }).start();
    const prepared = await prepare(job, target, axesOfInputs(subject, { inputs: target.inputs }));
    await job.close();
    const { graph } = prepared.target;
    const all = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));
    const every = probed(graph, all, prepared.axes, prepared.facts.values, { exact: true });
    const plain = { model: encodePlain(graph.model), fetch: [] };
    const fenced = { model: encode(graph.model, prepared.target), fetch: [] };
    const seen = { model: encode(every.model, prepared.target), fetch: every.probes.map((probe) => probe.output) };
    const bench = { workerPath, feeds: target.inputs, session: { ...measuring(target), threads: 1 } };

    console.log(`float16, 12 layers: ${String(every.probes.length)} tensors`);
    const cost = await pairs(bench, plain, fenced, PAIRS);
    limits.atMost('fenced, processor time / plain', cost.cpuRatio, 2);
    limits.note('fenced, wall time / plain', cost.ratio);
    const probes = await pairs(bench, fenced, seen, PAIRS);
    limits.note('fenced and every node / fenced, processor time', probes.cpuRatio);
    const [base, most] = [await peakMemory(bench, plain), await peakMemory(bench, fenced)];
    limits.note('fenced, peak of resident memory / plain', most.resident / base.resident);
    limits.note('fenced, peak of anonymous memory / plain', most.anonymous / base.anonymous);
  });
  process.exitCode = limits.exitCode;
}

void main(process.argv[2] ?? '');
