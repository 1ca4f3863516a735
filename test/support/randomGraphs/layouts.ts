/** Other shapes that exporters give hidden states, and the way back. */
import type { Val } from './sketch';
import type { World } from './world';

export interface Layout {
  readonly name: string;
  go(x: Val): Val;
  back(x: Val): Val;
  /** Whether the features are still the last axis, whole. */
  readonly rows: boolean;
}

/** @returns ways to hold [batch, tokens, w] values, for any w (1 too). */
export function layoutsOf(w: World): Layout[] {
  const { sketch: k, sizes } = w;
  const { batch, tokens, heads } = sizes;
  const list: Layout[] = [
    { name: 'as it is', go: (x) => x, back: (x) => x, rows: true },
    {
      name: 'sequence first',
      go: (x) => k.transpose(x, [1, 0, 2]),
      back: (x) => k.transpose(x, [1, 0, 2]),
      rows: true,
    },
    {
      name: 'merged',
      go: (x) => k.reshape(x, [batch * tokens, x.dims[2]!]),
      back: (x) => k.reshape(x, [batch, tokens, x.dims[1]!]),
      rows: true,
    },
    {
      name: 'merged, sequence first',
      go: (x) => k.reshape(k.transpose(x, [1, 0, 2]), [tokens * batch, x.dims[2]!]),
      back: (x) => k.transpose(k.reshape(x, [tokens, batch, x.dims[1]!]), [1, 0, 2]),
      rows: true,
    },
    {
      name: 'channels first',
      go: (x) => k.transpose(x, [0, 2, 1]),
      back: (x) => k.transpose(x, [0, 2, 1]),
      rows: false,
    },
    {
      name: 'heads',
      go: (x) =>
        x.dims[2] === 1
          ? k.unsqueeze(x, [1])
          : k.transpose(k.reshape(x, [batch, tokens, heads, sizes.width]), [0, 2, 1, 3]),
      back: (x) => k.reshape(k.transpose(x, [0, 2, 1, 3]), [batch, tokens, w.hidden]),
      rows: false,
    },
    {
      name: 'merged heads',
      go: (x) =>
        x.dims[2] === 1
          ? k.reshape(k.expand(k.unsqueeze(x, [1]), [batch, heads, tokens, 1]), [batch * heads, tokens, 1])
          : k.reshape(k.transpose(k.reshape(x, [batch, tokens, heads, sizes.width]), [0, 2, 1, 3]), [
              batch * heads,
              tokens,
              sizes.width,
            ]),
      back: (x) =>
        k.reshape(k.transpose(k.reshape(x, [batch, heads, tokens, sizes.width]), [0, 2, 1, 3]), [
          batch,
          tokens,
          w.hidden,
        ]),
      rows: false,
    },
    {
      name: 'extra axis',
      go: (x) => k.unsqueeze(x, [0, 3]),
      back: (x) => k.squeeze(x, [0, 3]),
      rows: false,
    },
  ];
  return list;
}
