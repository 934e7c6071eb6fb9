import { signal } from '@preact/signals';

import { Gateway, GatewayError } from './gateway';

/** The gateway, once there is a key that it takes. The key lives in here and nowhere else. */
export const gateway = signal<Gateway | undefined>(undefined);

/** Why a key was not taken. */
export type Refused = 'wrongKey' | 'wrongScope' | 'unreachable' | 'otherFault';

/** Tries the key by asking for a token that nobody will use; undefined when it is good. */
export async function signIn(key: string): Promise<Refused | undefined> {
  // A header holds no other characters (RFC 9110 section 5.5).
  if (!/^[\x21-\x7e]+$/.test(key)) return 'wrongKey';
  const candidate = new Gateway(key);
  try {
    await candidate.socketUrl({ uniqueId: 'console', clientType: 'CONSOLE' });
  } catch (error) {
    return reasonOf(error);
  }
  gateway.value = candidate;
  return undefined;
}

function reasonOf(error: unknown): Refused {
  switch (error instanceof GatewayError ? error.status : undefined) {
    case 0:
      return 'unreachable';
    case 401:
      return 'wrongKey';
    case 403:
      return 'wrongScope';
    default:
      return 'otherFault';
  }
}
