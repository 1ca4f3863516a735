/** Folders with a model, fixes that need no engine, and what a folder holds. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clone } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { applyInPlace } from '../../../src/app/apply/applyInPlace';
import { applyToCopy } from '../../../src/app/apply/applyToCopy';
import type { ApplyResult, FileAccess } from '../../../src/app/useCases';
import { applyEdits, fixKey, modelPropEdit } from '../../../src/core/onnx/edit';
import { loadModel } from '../../../src/core/onnx/load';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { encodeModel } from '../onnx/support';

export const backup = (path: string, n = 1): string => `${path}.nanoscope-backup${n === 1 ? '' : `-${String(n)}`}`;

/** A fix that changes nothing but the model's metadata. */
function withFix(proto: ModelProto, fixId: string): ModelProto {
  const copy = clone(ModelProtoSchema, proto);
  applyEdits(copy, [modelPropEdit(copy, fixKey, fixId)]);
  return copy;
}

export async function inPlace(
  path: string,
  fixId = 'unmask-rows',
  files: FileAccess = nodeFiles,
): Promise<ApplyResult> {
  const identity = await nodeFiles.identity(path);
  const loaded = await loadModel(path, { files: nodeFiles });
  return applyInPlace(files, { loaded, proto: withFix(loaded.proto, fixId), identity, fixId, edits: 1, version: '1' });
}

export async function toCopy(
  path: string,
  weights?: 'inside' | 'reference' | 'copy',
  fixId = 'unmask-rows',
): Promise<ApplyResult> {
  const loaded = await loadModel(path, { files: nodeFiles });
  const proto = withFix(loaded.proto, fixId);
  return applyToCopy(nodeFiles, { loaded, proto, fixId, edits: 1, version: '1', weights });
}

export function modelAt(folder: string, proto: ModelProto, name = 'model.onnx'): string {
  const path = join(folder, name);
  writeFileSync(path, encodeModel(proto));
  return path;
}

/** Everything in a folder: name, kind, permissions, and content or target. */
export const contents = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => {
        const path = join(folder, name);
        const info = lstatSync(path);
        const mode = (info.mode & 0o7777).toString(8);
        if (info.isSymbolicLink()) return [name, `link to ${readlinkSync(path)}`];
        if (info.isDirectory()) return [name, `folder ${mode} ${JSON.stringify(contents(path))}`];
        return [name, `file ${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`];
      }),
  );
