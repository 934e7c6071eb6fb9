/** The token that a socket URL ends with. */
export function tokenOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
