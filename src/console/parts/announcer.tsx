import { signal } from '@preact/signals';

import { say, type Text } from '../language/dictionary';

const announced = signal<Text | undefined>(undefined);

/** Says something to people who use a screen reader, when they have heard what came before. */
export function announce(text: Text): void {
  announced.value = text;
}

export function Announcer() {
  const text = announced.value;
  return (
    <p class="unseen" role="status">
      {text === undefined ? '' : say(text)}
    </p>
  );
}
