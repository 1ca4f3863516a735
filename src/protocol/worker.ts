/**
 * Messages between the engine's client (host) and its worker (forked child), over IPC with advanced serialization:
 * typed arrays, bigints and non-finite numbers survive; only the bytes that a view shows are sent. Named values
 * travel as pairs and not as objects, so that a tensor called `__proto__` is a tensor like any other.
 */
import { z } from 'zod';
import type { EngineLevel } from '../core/report';
import type { DType, TensorData } from '../core/tensor';

export type Named<T> = readonly (readonly [name: string, value: T])[];

export interface WireValueInfo {
  readonly name: string;
  /** The engine's word: a `DType`, or `string`, `int4`, `uint4`, or `non-tensor`. */
  readonly dtype: string;
  readonly dims: readonly (number | string)[];
}

export interface WireInspection {
  readonly id: string;
  readonly inspector: string;
  readonly tensors: readonly string[];
  /** As `core/probe/inspectors.ts` says for this inspector. */
  readonly params: unknown;
}

/** Every call that the worker answers, with its argument and its result. Calls are answered in order. */
export interface WorkerCalls {
  version: { readonly args: null; readonly result: string };
  createSession: {
    readonly args: {
      readonly model: Uint8Array;
      readonly level: EngineLevel;
      readonly prepack: boolean;
      readonly externalDataFolder: string | null;
      readonly threads: number | null;
    };
    readonly result: {
      readonly id: number;
      readonly inputs: readonly WireValueInfo[];
      readonly outputs: readonly WireValueInfo[];
      readonly createMs: number;
    };
  };
  run: {
    readonly args: {
      readonly session: number;
      readonly feeds: Named<TensorData>;
      /** input name, handle */
      readonly feedKept: Named<string>;
      readonly fetch: readonly string[];
      /** handle, output name */
      readonly keep: Named<string>;
      readonly inspect: readonly WireInspection[];
    };
    readonly result: {
      readonly tensors: Named<TensorData>;
      readonly inspected: Named<unknown>;
      readonly runMs: number;
    };
  };
  release: { readonly args: { readonly session: number }; readonly result: null };
  drop: { readonly args: { readonly handles: readonly string[] }; readonly result: null };
}

export type CallName = keyof WorkerCalls;
export type CallArgs<K extends CallName> = WorkerCalls[K]['args'];
export type CallResult<K extends CallName> = WorkerCalls[K]['result'];

export type ToWorker = {
  readonly [K in CallName]: { readonly id: number; readonly call: K; readonly args: CallArgs<K> };
}[CallName];

/**
 * Why a call failed, before it is put into words for a person.
 * `load`: onnxruntime-node itself could not be loaded. `create`, `run`: the engine threw. `type`: an output was
 * asked for whose type does not fit a `TensorData` (fetching some of them crashes the engine's binding).
 * `request`: the host asked for something that does not exist (a session, a handle, an inspector).
 */
export const failureKinds = ['load', 'create', 'run', 'type', 'request'] as const;
export type FailureKind = (typeof failureKinds)[number];

export interface WorkerFailure {
  readonly kind: FailureKind;
  readonly text: string;
}

export type FromWorker =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: WorkerFailure };

/** Checked by the client: a child that was hit hard enough may say anything. */
export const fromWorker: z.ZodType<FromWorker> = z.discriminatedUnion('ok', [
  z.object({ id: z.int().nonnegative(), ok: z.literal(true), value: z.unknown() }),
  z.object({
    id: z.int().nonnegative(),
    ok: z.literal(false),
    error: z.object({ kind: z.enum(failureKinds), text: z.string() }),
  }),
]);

const valueInfo = z.object({
  name: z.string(),
  dtype: z.string(),
  dims: z.array(z.union([z.number(), z.string()])),
});

/** Spelled out because `protocol` knows only types of `core`; a type that is missing here fails to compile. */
const known: Readonly<Record<DType, DType>> = {
  float32: 'float32',
  float64: 'float64',
  float16: 'float16',
  bfloat16: 'bfloat16',
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  uint8: 'uint8',
  uint16: 'uint16',
  uint32: 'uint32',
  uint64: 'uint64',
  bool: 'bool',
};

const tensor = z.object({
  dtype: z.enum(known),
  dims: z.array(z.int().nonnegative()),
  data: z.custom<TensorData['data']>((value) => ArrayBuffer.isView(value) && !(value instanceof DataView)),
});

const pairs = <T extends z.ZodType>(value: T) => z.array(z.tuple([z.string(), value]));

/** Shape of each result, by call. */
export const callResults: { readonly [K in CallName]: z.ZodType<CallResult<K>> } = {
  version: z.string(),
  createSession: z.object({
    id: z.int(),
    inputs: z.array(valueInfo),
    outputs: z.array(valueInfo),
    createMs: z.number(),
  }),
  run: z.object({ tensors: pairs(tensor), inspected: pairs(z.unknown()), runMs: z.number() }),
  release: z.null(),
  drop: z.null(),
};
