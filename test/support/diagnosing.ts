/** Runs the whole diagnosis with the real engine in its child process, as the faces do. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { diagnose } from '../../src/app/diagnose';
import type { DiagnoseDeps, DiagnoseEvents, DiagnoseRequest } from '../../src/app/useCases';
import { writeNpz } from '../../src/core/batch/npz';
import type { Report } from '../../src/core/report';
import type { TensorData } from '../../src/core/tensor';
import { createEngine } from '../../src/runtime/client/engine';
import { nodeFiles } from '../../src/runtime/files/nodeFiles';
import { reportSchema } from './reportSchema';
import { workerBundle } from './workerBundle';

export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/pytorch/${name}`, import.meta.url));

export async function realDeps(): Promise<DiagnoseDeps> {
  return { engine: createEngine({ workerPath: await workerBundle() }), files: nodeFiles };
}

/** The report, after it has passed the contract's schema. */
export async function diagnosed(
  request: Partial<DiagnoseRequest> & { readonly model: string },
  events: DiagnoseEvents = {},
): Promise<Report> {
  const report = await diagnose(await realDeps(), { userLevel: 'all', fixes: true, ...request }, events);
  reportSchema.parse(JSON.parse(JSON.stringify(report)));
  return report;
}

/** A model of the test's own and its inputs, written to a folder that is gone afterwards. */
export async function diagnosedModel(
  proto: ModelProto,
  inputs: Readonly<Record<string, TensorData>> | null,
  request: Partial<DiagnoseRequest> = {},
): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'nanoscope-diagnose-'));
  try {
    const model = join(folder, 'model.onnx');
    await writeFile(model, toBinary(ModelProtoSchema, proto));
    if (inputs === null) return await diagnosed({ model, ...request });
    const inputsFile = join(folder, 'inputs.npz');
    await writeFile(inputsFile, writeNpz(inputs));
    return await diagnosed({ model, inputsFile, ...request });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
