import { TestClient } from '../support/test-client';
import { eventually } from '../support/eventually';
import { tokenOf } from '../support/token-of';
import type { Run } from './fault-run';

const RACES = 5;

/** Uses a single-use token at every gateway in the same moment, several times; who was let in is in the history. */
export async function raceTokens({ system, history }: Run): Promise<void> {
  let admitted = 0;
  for (let race = 0; race < RACES; race += 1) {
    const [identity] = system.clients.map((client) => client.identity);
    if (identity === undefined) throw new Error('there are no clients');
    const url = await system.token({ ...identity, uniqueId: 'racer' });
    const token = tokenOf(url);
    const rivals = system.gateways.map((gateway) => ({
      gateway,
      client: TestClient.connect(gateway.process.socketUrl(token)),
    }));
    await eventually(() => {
      for (const { client } of rivals)
        expect(client.welcome !== undefined || client.closed !== undefined).toBe(true);
    });
    for (const { gateway, client } of rivals) {
      if (client.welcome !== undefined) {
        admitted += 1;
        history.add({ kind: 'admitted', token: `race ${String(race)}`, gateway: gateway.name });
      }
      client.terminate();
    }
  }
  if (admitted === 0) throw new Error('no token let anybody in: nothing was shown');
}
