/**
 * How a panel's state moves on: pure functions from a state and an event to the next state. The session decides
 * *when*, these decide *what the person then sees*.
 */
import type { ErrorPayload } from '../../core/errors';
import type { Report } from '../../core/report';
import type { BatchChoice, FirstLook, PanelState } from '../../protocol/panel';

export interface Beginning {
  readonly key: string;
  readonly modelName: string;
  readonly batch: BatchChoice;
  readonly source: PanelState['source'];
  readonly readOnly: boolean;
  readonly canChangeInPlace: boolean;
}

export function empty(beginning: Beginning): PanelState {
  return {
    ...beginning,
    phase: 'empty',
    progress: null,
    report: null,
    before: null,
    error: null,
    maskInputs: [],
    applied: null,
    preview: null,
    weights: null,
    stale: false,
  };
}

/** The last report stays in sight until there is a new one: a table that vanishes helps nobody. */
export function started(state: PanelState, text: string): PanelState {
  return { ...state, phase: 'running', progress: { text, fraction: null }, error: null, preview: null, stale: false };
}

export function progressed(state: PanelState, text: string, fraction: number | null): PanelState {
  return state.phase === 'running' ? { ...state, progress: { text, fraction } } : state;
}

/** A report, complete or still without observer and fixes; the phase does not change. */
export function reported(state: PanelState, report: Report): PanelState {
  return {
    ...state,
    report,
    modelName: report.model.name.replace(/^builtin:/, ''),
    maskInputs: Object.keys(report.batch.inputs),
  };
}

export function finished(state: PanelState, report: Report): PanelState {
  return { ...reported(state, report), phase: 'done', progress: null, error: null };
}

export function failed(state: PanelState, error: ErrorPayload): PanelState {
  return { ...state, phase: error.code === 'cancelled' ? 'cancelled' : 'error', progress: null, error };
}

/** Back where it was, with what was found; `null` where the masks could not be told apart. */
export function looked(state: PanelState, look: FirstLook | null, maskInputs: readonly string[]): PanelState {
  return { ...state, phase: 'empty', progress: null, look, maskInputs };
}

/** As it was before something that measures nothing anew: a preview, lines of PyTorch. */
export function restored(now: PanelState, { phase, error, preview, stale }: PanelState): PanelState {
  return { ...now, phase, progress: null, error, preview, stale };
}

/** Another batch makes an earlier report incomparable. */
export function withBatch(state: PanelState, batch: BatchChoice): PanelState {
  return { ...state, batch, preview: null, before: sameData(state.batch, batch) ? state.before : null };
}

export function changedOnDisk(state: PanelState): PanelState {
  return state.stale ? state : { ...state, stale: true };
}

/** What the batch bar would have to say to give the report's batch; `now` fills in what a report does not tell. */
export function batchOf(report: Report, now: BatchChoice): BatchChoice {
  const { roles, padding, source } = report.batch;
  if (source?.kind === 'lengths') {
    const { lengths, pad, seed, padId } = source;
    return {
      ...now,
      kind: 'lengths',
      lengths: [...lengths],
      pad,
      seed,
      ...(padId === undefined ? {} : { padId }),
    };
  }
  const lengths = roles.map((role) => role.replaceAll('p', '').length);
  const pad = padding.includes('left') ? 'left' : padding.includes('right') ? 'right' : 'none';
  return { ...now, kind: 'lengths', lengths, pad };
}

/** Whether two choices measure the same: numbers, roles, types, operators; the engine level changes none of them. */
export const sameData = (a: BatchChoice, b: BatchChoice): boolean =>
  sameBatch(a, b) && a.cast === b.cast && a.expandAttention === b.expandAttention;

/** The same in whatever type the model then computes. */
export function sameBatch(a: BatchChoice, b: BatchChoice): boolean {
  const dataOf = ({ kind, lengths, pad, seed, file, mask, padId }: BatchChoice): string =>
    JSON.stringify(kind === 'file' ? [file, mask] : [lengths, pad, seed, mask, padId]);
  return a.kind === b.kind && dataOf(a) === dataOf(b);
}
