/**
 * Which element of one tensor an element of another was made from, through operators that copy, move or broadcast:
 * plain data, so that it can be followed beside the tensors.
 */

/** One operator, read from its output's coordinates back to its input's. */
export type ElementStep =
  /** Right-aligned; axes of size 1 are read again and again. `dims` are the input's. */
  | { readonly kind: 'broadcast'; readonly dims: readonly number[] }
  /** Same elements in the same order. */
  | { readonly kind: 'reshape'; readonly from: readonly number[]; readonly to: readonly number[] }
  /** Axis i of the output is axis perm[i] of the input. */
  | { readonly kind: 'transpose'; readonly perm: readonly number[] }
  /** Per axis of the input: coordinate = start + step × coordinate of the output. */
  | { readonly kind: 'slice'; readonly starts: readonly number[]; readonly steps: readonly number[] }
  /** The input again and again along its axes. */
  | { readonly kind: 'tile'; readonly dims: readonly number[] };

export type ElementPath = readonly ElementStep[];

/** @returns coordinates in the tensor that the path leads to; null where the shapes do not fit. */
export function follow(path: ElementPath, at: readonly number[]): readonly number[] | null {
  let current: readonly number[] | null = at;
  for (const step of path) {
    if (current === null) return null;
    current = back(step, current);
  }
  return current;
}

function back(step: ElementStep, at: readonly number[]): readonly number[] | null {
  switch (step.kind) {
    case 'broadcast': {
      const { dims } = step;
      const offset = at.length - dims.length;
      if (offset < 0) return null;
      const own = dims.map((size, i) => (size === 1 ? 0 : (at[i + offset] ?? 0)));
      return own.every((coordinate, i) => coordinate < (dims[i] ?? 0)) ? own : null;
    }
    case 'reshape': {
      const index = flatIndex(at, step.to);
      return index === null ? null : coordinates(index, step.from);
    }
    case 'transpose': {
      if (step.perm.length !== at.length) return null;
      const own: number[] = [];
      for (const [i, axis] of step.perm.entries()) own[axis] = at[i] ?? 0;
      return own;
    }
    case 'slice':
      if (step.starts.length !== at.length) return null;
      return at.map((coordinate, i) => (step.starts[i] ?? 0) + (step.steps[i] ?? 1) * coordinate);
    case 'tile':
      return step.dims.length === at.length ? at.map((coordinate, i) => coordinate % (step.dims[i] ?? 1)) : null;
  }
}

/** Place of coordinates in a row-major tensor; null when they lie outside it. */
export function flatIndex(at: readonly number[], dims: readonly number[]): number | null {
  if (at.length !== dims.length) return null;
  let index = 0;
  for (const [i, size] of dims.entries()) {
    const coordinate = at[i] ?? 0;
    if (coordinate < 0 || coordinate >= size) return null;
    index = index * size + coordinate;
  }
  return index;
}

export function coordinates(index: number, dims: readonly number[]): number[] {
  const at: number[] = [];
  let rest = index;
  for (let i = dims.length - 1; i >= 0; i -= 1) {
    const size = dims[i] ?? 1;
    at[i] = rest % size;
    rest = Math.floor(rest / size);
  }
  return at;
}

/** Flat index of the element that broadcasting pairs with coordinates `at`; null where shapes do not broadcast. */
export function broadcastIndex(at: readonly number[], dims: readonly number[]): number | null {
  const own = back({ kind: 'broadcast', dims }, at);
  return own === null ? null : flatIndex(own, dims);
}
