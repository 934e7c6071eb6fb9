import { signal } from '@preact/signals';

import type { Gateway, TokenRequest } from '../access/gateway';
import { Participant } from '../participant/participant';
import { witness } from './tour-model';

/** The clients of the page, side by side. */
export const clients = signal<readonly Participant[]>([]);

const FIRST: readonly TokenRequest[] = [
  { uniqueId: 'alice', clientType: 'H5', tags: ['vip'], businesses: ['shop'] },
  { uniqueId: 'bob', clientType: 'APP', tags: ['vip', 'beta'], businesses: ['shop', 'charging'] },
];

/** Connects a client that may send every kind of message. */
export function addClient(gateway: Gateway, request: TokenRequest): Participant {
  const participant = new Participant(gateway, {
    ...request,
    clientToClient: true,
    multicast: true,
    broadcast: true,
  });
  participant.onFrame = (entry) => {
    witness(participant, entry);
  };
  clients.value = [...clients.value, participant];
  return participant;
}

export function removeClient(participant: Participant): void {
  participant.close();
  clients.value = clients.value.filter((one) => one !== participant);
}

/** The first two clients, made if they are missing. */
export function twoClients(gateway: Gateway): readonly [Participant, Participant] {
  const open = clients.value.filter(({ state }) => state.value !== 'closed');
  const missing = FIRST.filter(({ uniqueId }) =>
    open.every(({ request }) => request.uniqueId !== uniqueId),
  );
  const [first, second] = [
    ...open,
    ...missing.slice(0, Math.max(0, 2 - open.length)).map((request) => addClient(gateway, request)),
  ];
  if (first === undefined || second === undefined) throw new Error('two clients are always made');
  return [first, second];
}
