/** Answers calls over IPC, one after the other, each answer flushed before the next call blocks the event loop. */
import { WorkerEngine } from './engine';
import { toFailure } from './failure';
import type { FromWorker, ToWorker } from '../../protocol/worker';

export function serve(): void {
  const engine = new WorkerEngine();
  let last: Promise<void> = Promise.resolve();
  process.on('message', (message: ToWorker) => {
    last = last.then(async () => send(await answer(engine, message)));
  });
  // Nothing here is worth saving, and an orderly exit would wait for the engine's own shut-down.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  // Ctrl-C reaches the whole process group; what it means is the parent's decision.
  process.on('SIGINT', () => undefined);
}

async function answer(engine: WorkerEngine, message: ToWorker): Promise<FromWorker> {
  const { id } = message;
  try {
    return { id, ok: true, value: await dispatch(engine, message) };
  } catch (error) {
    return { id, ok: false, error: toFailure(error) };
  }
}

function dispatch(engine: WorkerEngine, message: ToWorker): unknown {
  switch (message.call) {
    case 'version':
      return engine.version();
    case 'createSession':
      return engine.createSession(message.args);
    case 'run':
      return engine.run(message.args);
    case 'release':
      return engine.release(message.args);
    case 'drop':
      return engine.drop(message.args);
  }
}

/**
 * Resolves when the message is handed to the operating system, or the channel is gone. A result that cannot be
 * cloned becomes a failure of its own call: every call is answered.
 */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send || !process.connected) {
      resolve();
      return;
    }
    try {
      process.send(message, undefined, undefined, () => resolve());
    } catch (error) {
      process.send({ id: message.id, ok: false, error: toFailure(error) }, undefined, undefined, () => resolve());
    }
  });
}
