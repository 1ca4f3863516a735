/** Entry of the page that lists a stopped program's tensors. */
import '../shared/strictZod';
import './debugView.css';
import { render } from 'lit';
import type { GuardView } from '../../src/core/live/guard';
import { toTensors, type FromTensors, type ShownWatch } from '../../src/protocol/tensors';
import { connectHost } from '../shared/host';
import { tensorsView } from './view';

const host = connectHost<FromTensors>();
const root = document.createElement('main');
document.body.append(root);

const draw = (
  said: { readonly state: ShownWatch; readonly guard: GuardView } | null,
  unreadable: string | null,
): void => {
  render(
    tensorsView({
      state: said?.state ?? null,
      guard: said?.guard ?? null,
      unreadable,
      post: (message) => {
        host.post(message);
      },
    }),
    root,
  );
};

window.addEventListener('message', (event: MessageEvent<unknown>) => {
  const parsed = toTensors.safeParse(event.data);
  draw(parsed.data ?? null, parsed.success ? null : (parsed.error.issues[0]?.message ?? 'not an object'));
});
draw(null, null);
host.post({ type: 'ready' });
