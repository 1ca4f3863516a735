/** Which kind of debug session is read how. */
import type { Evaluate, ModuleRecorder, NanGuard, TensorReader } from '../app/live/ports';
import { PythonGuard } from './pythonGuard';
import { PythonReader } from './pythonReader';
import { PythonRecorder } from './pythonRecorder';

/** Names that adapters of Python programs go by. */
const python = new Set(['python', 'debugpy']);

/** Null: tensors of this type of session cannot be read. */
export const readerFor = (sessionType: string, evaluate: Evaluate): TensorReader | null =>
  python.has(sessionType) ? new PythonReader(evaluate) : null;

/** Null: sessions of this type cannot be stopped at the first NaN. */
export const guardFor = (sessionType: string, evaluate: Evaluate): NanGuard | null =>
  python.has(sessionType) ? new PythonGuard(evaluate) : null;

/** Null: modules of such sessions cannot be recorded. */
export const recorderFor = (sessionType: string, evaluate: Evaluate): ModuleRecorder | null =>
  python.has(sessionType) ? new PythonRecorder(evaluate) : null;
