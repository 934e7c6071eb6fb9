import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

import { complaintsOf } from './browser';

/** Keeps what the page's content security policy has blocked, from its first script on. */
const WATCH_POLICY = `
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    violations.push(event.violatedDirective + ' ' + event.blockedURI);
  });
`;

/** The web console in a browser profile of its own, with what a person sees and does there. */
export class ConsolePage {
  private constructor(
    readonly page: Page,
    private readonly address: string,
    private readonly errors: readonly string[],
  ) {}

  static async open(
    browser: Browser,
    base: string,
    options: BrowserContextOptions = {},
  ): Promise<ConsolePage> {
    const context = await browser.newContext({ locale: 'en-US', ...options });
    const page = await context.newPage();
    // Sooner than a test's own limit, so that a failure names what was waited for.
    page.setDefaultTimeout(20_000);
    await page.addInitScript(WATCH_POLICY);
    const errors = complaintsOf(page);
    await page.goto(`${base}/console`);
    return new ConsolePage(page, `${base}/console`, errors);
  }

  async enterKey(key: string): Promise<void> {
    await this.page.fill('input[name=key]', key);
    await this.page.keyboard.press('Enter');
  }

  /** Enters the key and waits for the first two clients. */
  async signIn(key: string): Promise<void> {
    await this.enterKey(key);
    for (const name of ['alice', 'bob']) await this.client(name).and(this.connected).waitFor();
  }

  async show(view: 'try' | 'scenarios' | 'look'): Promise<void> {
    await this.page.goto(`${this.address}#${view}`);
  }

  client(name: string): Locator {
    return this.page.locator(`[data-client="${name}"]`);
  }

  /** Rows of a client's list of frames that name this business type or operation. */
  frames(name: string, what: string): Locator {
    return this.client(name)
      .locator('.frame')
      .filter({ has: this.page.locator(`.frame-name:text-is("${what}")`) });
  }

  /** How many messages the client has handled. */
  async handled(name: string): Promise<number> {
    return Number(await this.client(name).locator('.client-facts dd').first().textContent());
  }

  step(name: string): Locator {
    return this.page.locator(`[data-step=${name}]`);
  }

  /** Chooses a scenario, runs it and waits for its end. */
  async runScenario(name: string): Promise<void> {
    await this.show('scenarios');
    await this.page.getByRole('button', { name }).click();
    await this.page.getByRole('button', { name: 'Run', exact: true }).click();
    await this.page.locator('[data-story=done]').waitFor();
  }

  /** A little screen of the scenario. */
  pane(title: string): Locator {
    return this.page.getByRole('article', { name: title });
  }

  /** Errors on the page's console and what its content security policy has blocked. */
  async complaints(): Promise<readonly string[]> {
    return [...this.errors, ...(await this.page.evaluate<string[]>('window.violations'))];
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  private get connected(): Locator {
    return this.page.locator('.connected');
  }
}
