import { SwarmClient } from './swarm-client';
import type { SwarmCommand, SwarmReport } from './swarm';
import { tokenOf } from './token-of';

/** Tokens that are asked for at a time. */
const TOKENS_AT_ONCE = 50;

const clients: SwarmClient[] = [];
const bases: string[] = [];
let turn = 0;

function nextBase(): string {
  return bases[(turn += 1) % bases.length] ?? '';
}

/** Hands out a token for a user; tried at every gateway in turn, since one may just have been killed. */
async function token(uniqueId: string, key: string): Promise<string> {
  for (;;) {
    try {
      const url = `${nextBase()}/websocket/token?uniqueId=${uniqueId}&clientType=SWARM`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
      const { data } = (await response.json()) as { data: string };
      return tokenOf(data);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function join(count: number, prefix: string, key: string): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `${prefix}${String(i)}`);
  await Promise.all(
    Array.from({ length: TOKENS_AT_ONCE }, async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const uniqueId = name;
        const client = new SwarmClient(nextBase, () => token(uniqueId, key));
        clients.push(client);
        await client.connect();
      }
    }),
  );
}

function report(): SwarmReport {
  const digests = new Map<string, number>();
  const closes: Record<string, number> = {};
  const last: Record<string, number> = {};
  for (const client of clients) {
    digests.set(client.digest, (digests.get(client.digest) ?? 0) + 1);
    last[client.last] = (last[client.last] ?? 0) + 1;
    for (const code of client.closes) closes[code] = (closes[code] ?? 0) + 1;
  }
  const times = clients.map(({ resumedAfter }) => resumedAfter).filter((ms) => ms !== undefined);
  return {
    clients: clients.length,
    connected: clients.filter(({ connected }) => connected).length,
    lost: clients.filter(({ wasLost }) => wasLost).length,
    resumedAfter: times.sort((a, b) => a - b),
    received: clients.reduce((sum, { received }) => sum + received, 0),
    most: Math.max(0, ...clients.map(({ received }) => received)),
    digests: [...digests.values()].sort((a, b) => b - a),
    last,
    gaps: clients.reduce((sum, { gaps }) => sum + gaps, 0),
    duplicates: clients.reduce((sum, { duplicates }) => sum + duplicates, 0),
    closes,
  };
}

async function obey(command: SwarmCommand): Promise<SwarmReport> {
  switch (command.do) {
    case 'lead':
      bases.splice(0, bases.length, ...command.bases);
      break;
    case 'join':
      await join(command.count, command.prefix, command.key);
      break;
    case 'mark':
      for (const client of clients) client.mark();
      break;
    case 'stall':
      for (const client of clients) client.stall(command.stalled);
      break;
    case 'report':
  }
  return report();
}

process.on('message', ({ id, command }: { id: number; command: SwarmCommand }) => {
  void obey(command).then((answer) => process.send?.({ id, answer }));
});
process.on('disconnect', () => process.exit(0));
