/** Which kind of debug session is read how. */
import type { Adapter, Evaluate, FrameRef, ModuleRecorder, NanGuard, TensorReader } from '../app/live/ports';
import { JavascriptReader } from './javascriptReader';
import { PythonGuard } from './pythonGuard';
import { PythonReader } from './pythonReader';
import { PythonRecorder } from './pythonRecorder';

type Language = 'python' | 'javascript';

/** Names that adapters go by. */
const languages: Readonly<Record<Language, ReadonlySet<string>>> = {
  python: new Set(['python', 'debugpy']),
  javascript: new Set([
    ...['node', 'chrome', 'msedge', 'extensionHost'].flatMap((name) => [name, `pwa-${name}`]),
    'node-terminal',
    'firefox',
  ]),
};

const known = (sessionType: string): Language | null =>
  languages.python.has(sessionType) ? 'python' : languages.javascript.has(sessionType) ? 'javascript' : null;

/** Null: tensors of this session cannot be read. */
export async function readerFor(sessionType: string, adapter: Adapter, frame: FrameRef): Promise<TensorReader | null> {
  switch (known(sessionType) ?? (await spoken(adapter.evaluate, frame))) {
    case 'python':
      return new PythonReader(adapter.evaluate);
    case 'javascript':
      return new JavascriptReader(adapter);
    case null:
      return null;
  }
}

/** The language of an adapter that is not known by name: only JavaScript takes a list with 0 for equal to 0. */
async function spoken(evaluate: Evaluate, { frameId }: FrameRef): Promise<Language | null> {
  try {
    const { result } = await evaluate({ expression: '[0]==0', frameId, context: 'clipboard' });
    return result === 'False' ? 'python' : result === 'true' ? 'javascript' : null;
  } catch {
    // A language in which this means nothing.
    return null;
  }
}

/** Null: sessions of this type cannot be stopped at the first NaN. */
export const guardFor = (sessionType: string, evaluate: Evaluate): NanGuard | null =>
  known(sessionType) === 'python' ? new PythonGuard(evaluate) : null;

/** Null: modules of such sessions cannot be recorded. */
export const recorderFor = (sessionType: string, evaluate: Evaluate): ModuleRecorder | null =>
  known(sessionType) === 'python' ? new PythonRecorder(evaluate) : null;
