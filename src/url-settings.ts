/** What stands for the number of a partition in PUBLIC_URL. */
export const PARTITION_MARK = '{partition}';

export const SOCKET_URL_RULE =
  'must be a URL that starts with wss:// or ws:// and has no user, query, fragment, quotes or blanks';
export const AMQP_URL_RULE = 'must be empty or amqp:// or amqps:// URLs, separated by commas';

/** A host, and perhaps a path: the path of a socket is put behind it, and browsers and policies read it as it stands. */
const SOCKET_URL = /^wss?:\/\/[^\s"'`<>\\?#@/,;]+(?:\/[^\s"'`<>\\?#]*)?$/i;

/** A place in it may stand for the partition, as in `wss://dws-{partition}.example.com`. */
export function readSocketUrl(value: string): string | undefined {
  const isUrl = SOCKET_URL.test(value) && URL.canParse(value.replaceAll(PARTITION_MARK, '0'));
  return isUrl ? value.replace(/\/+$/, '') : undefined;
}

export function readAmqpUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const isAmqp = ['amqp:', 'amqps:'].includes(new URL(value).protocol);
  return isAmqp ? value.replace(/\/+$/, '') : undefined;
}

/** What is wrong with the users of the broker, as a sentence that has nothing of the URLs. */
export function faultOfUsers(urls: readonly string[]): string | undefined {
  const users = new Set<string>();
  for (const url of urls) {
    const { username, password } = new URL(url);
    try {
      users.add(decodeURIComponent(username));
      decodeURIComponent(password);
    } catch {
      return 'AMQP_URL must have users and passwords that are percent-encoded as UTF-8, a % itself as %25.';
    }
  }
  return users.size > 1
    ? 'AMQP_URL must name one user in all URLs, since nodes believe what their own user has published.'
    : undefined;
}
