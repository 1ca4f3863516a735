/** Entry of the diagnosis panel's page. */
import './panel.css';
import { config } from 'zod';
import type { FromPanel } from '../../src/protocol/panel';
import { registerControls } from '../shared/controls';
import { connectHost } from '../shared/host';
import { PanelPage } from './page';

// The page's policy forbids compiling text to code; without this zod would try, fail and leave a violation behind.
config({ jitless: true });
registerControls();
const root = document.createElement('main');
document.body.append(root);
new PanelPage(root, connectHost<FromPanel>()).start();
