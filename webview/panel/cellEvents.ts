/** Pointer and focus show a cell's card; a click opens its details. One element directive instead of five bindings. */
import { noChange } from 'lit';
import { directive, Directive, type ElementPart } from 'lit/directive.js';
import type { PanelPage } from './page';
import type { CellRef } from './ui';

class CellEvents extends Directive {
  #page: PanelPage | undefined;
  #cell: CellRef = { row: 0, sample: 0 };
  #element: Element | undefined;

  override render(..._: [PanelPage, CellRef]): unknown {
    return noChange;
  }

  override update(part: ElementPart, [page, cell]: [PanelPage, CellRef]): unknown {
    this.#page = page;
    this.#cell = cell;
    if (this.#element !== part.element) {
      this.#element = part.element;
      part.element.addEventListener('mouseenter', this);
      part.element.addEventListener('focus', this);
      part.element.addEventListener('blur', this);
      part.element.addEventListener('click', this);
    }
    return noChange;
  }

  handleEvent(event: Event): void {
    const page = this.#page;
    const anchor = this.#element?.getBoundingClientRect();
    if (page === undefined || anchor === undefined) {
      return;
    }
    switch (event.type) {
      case 'focus':
        page.remember({ active: this.#cell });
        page.hover({ cell: this.#cell, anchor });
        break;
      case 'mouseenter':
        page.hover({ cell: this.#cell, anchor });
        break;
      case 'blur':
        page.hover(null);
        break;
      case 'click':
        // The details say the same and more, just below.
        page.hover(null);
        page.change({ active: this.#cell, details: this.#cell });
        break;
      default:
    }
  }
}

export const cellEvents = directive(CellEvents);
