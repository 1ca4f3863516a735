/** What a person's own script does: loads the model by path with the engine's defaults. Prints bytes of anonymous memory. */
import { InferenceSession } from 'onnxruntime-node';
import { anonymousMemory } from '../../../src/runtime/client/memory';

process.env.ORT_DISABLE_TELEMETRY = '1';

void InferenceSession.create(process.argv[2] ?? '').then((session) => {
  process.stdout.write(`${String(anonymousMemory(process.pid) ?? NaN)} ${String(session.inputNames.length)}\n`, () =>
    process.exit(0),
  );
});
