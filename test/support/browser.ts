import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
/** Without these Chromium looks for hosts of its own in the network at every start. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium without a window. */
export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM))
    throw new Error(`The browser tests need ${CHROMIUM}: apt-get install chromium.`);
  return chromium.launch({ executablePath: CHROMIUM, args: QUIET });
}

/** What a page complained about: uncaught errors, errors on its console, violations of its CSP. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return complaints;
}

/**
 * A backend of somebody who uses the service: serves pages of its own, from an origin of its own, and gives them socket
 * URLs. A page loads the SDK from the gateway at `base`; `script` finds it as `wirepost`, and `tokenUrl()` beside it.
 */
export class PageServer {
  private readonly server = createServer((request, response) => {
    const [, name = ''] = (request.url ?? '').split('/');
    const page = this.pages.get(name);
    if (page === undefined) {
      response.writeHead(404).end();
    } else if (request.method === 'POST') {
      page.url().then(
        (url) => response.end(url),
        () => response.writeHead(503).end(),
      );
    } else {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page.html);
    }
  });
  private readonly pages = new Map<string, { html: string; url: () => Promise<string> }>();

  async start(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** The address of a new page; `sdk` is the origin that it loads the SDK from, if any. */
  add(
    name: string,
    { url, sdk, script }: { url: () => Promise<string>; sdk?: string; script: string },
  ): string {
    const load = sdk === undefined ? '' : `<script src="${sdk}/client/wirepost.js"></script>`;
    const tokenUrl = `const tokenUrl = async () => {
      const response = await fetch('', { method: 'POST' });
      if (!response.ok) throw new Error('no token');
      return response.text();
    };`;
    const html = `<!doctype html><title>${name}</title><link rel="icon" href="data:,">${load}<script>${tokenUrl}${script}</script>`;
    this.pages.set(name, { html, url });
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}/${name}`;
  }
}
