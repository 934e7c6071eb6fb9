import { SERVICE_KEY } from './test-node';

/** Pushes a batch, all of which must be accepted. */
export async function pushBatch(base: string, bodies: readonly object[]): Promise<void> {
  const response = await fetch(`${base}/websocket/push/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${SERVICE_KEY}` },
    body: JSON.stringify(bodies),
  });
  const { data } = (await response.json()) as { data: readonly { readonly result: number }[] };
  expect(data.filter(({ result }) => result !== 0)).toEqual([]);
}
