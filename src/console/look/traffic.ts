import { signal } from '@preact/signals';

import type { Gateway } from '../access/gateway';
import { notice, Participant } from '../participant/participant';
import { suffix } from '../participant/stopwatch';

/** Clients, messages a batch, ms between batches, batches: enough to see, too little to disturb anybody. */
const CLIENTS = 5;
const BATCH = 25;
const PACE = 250;
const BATCHES = 80;

/** Whether traffic is being made. */
export const flowing = signal(false);

/** Connects a few clients of its own and pushes to them for some seconds, so that there is something to look at. */
export async function makeTraffic(gateway: Gateway): Promise<void> {
  if (flowing.value) return;
  flowing.value = true;
  const run = suffix();
  const participants = Array.from(
    { length: CLIENTS },
    (_, i) =>
      new Participant(gateway, { uniqueId: `traffic-${run}-${String(i)}`, clientType: 'H5' }),
  );
  try {
    await Promise.all(participants.map((participant) => participant.connected()));
    for (let batch = 0; batch < BATCHES; batch += 1) {
      await gateway.pushAll(
        Array.from({ length: BATCH }, (_, i) =>
          notice(`traffic-${run}-${String(i % CLIENTS)}`, 'traffic.tick', { batch, i }),
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, PACE));
    }
  } finally {
    for (const participant of participants) participant.close();
    flowing.value = false;
  }
}
