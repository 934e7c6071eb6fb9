const OF_HOST = 'HOST must be an address of this machine, or a name of one';

/** By the system's codes: what has to be set otherwise. */
const SENTENCES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'PORT must be free, and another program listens there',
  EACCES: 'PORT must be one that the user of this process may listen on',
  EADDRNOTAVAIL: OF_HOST,
  EAFNOSUPPORT: OF_HOST,
  EAI_AGAIN: OF_HOST,
  EINVAL: OF_HOST,
  ENOTFOUND: OF_HOST,
};

/** What an attempt to listen comes to; rejects with a sentence that names the setting, where it is the matter of one. */
export async function listens<T>(attempt: Promise<T>): Promise<T> {
  try {
    return await attempt;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const sentence = SENTENCES[code];
    throw sentence === undefined ? error : new Error(`${sentence} (${code}).`, { cause: error });
  }
}
