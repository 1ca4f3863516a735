/**
 * A process that applies or undoes one fix and can be killed in the middle: `node applyChild.cjs apply|copy|undo MODEL`.
 * It says `ready` once the model is read, waits for any message, and says `done` or what went wrong.
 */
import { clone } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { applyInPlace } from '../../src/app/apply/applyInPlace';
import { applyToCopy } from '../../src/app/apply/applyToCopy';
import { undo } from '../../src/app/apply/undo';
import { applyEdits, fixKey, modelPropEdit } from '../../src/core/onnx/edit';
import { loadModel } from '../../src/core/onnx/load';
import { nodeFiles as files } from '../../src/runtime/files/nodeFiles';

const [what = '', path = ''] = process.argv.slice(2);
const say = (text: string): void => void process.send?.(text);

async function main(): Promise<void> {
  const identity = await files.identity(path);
  const loaded = await loadModel(path, { files });
  const proto = clone(ModelProtoSchema, loaded.proto);
  applyEdits(proto, [modelPropEdit(proto, fixKey, 'a-fix')]);
  const common = { loaded, proto, fixId: 'a-fix', edits: 1, version: '1' };
  const go = new Promise((resolve) => process.once('message', resolve));
  say('ready');
  await go;
  if (what === 'apply') await applyInPlace(files, { ...common, identity });
  else if (what === 'copy') await applyToCopy(files, { ...common, weights: 'copy' });
  else await undo({ files }, path);
}

main().then(
  () => {
    say('done');
    process.disconnect();
  },
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.disconnect();
  },
);
