// Makes docs/images/*.png: starts the service on its embedded default, plays through the console and takes pictures.
// Needs Debian's chromium; looks best with fonts-inter and fonts-noto-cjk.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';

import { chromium } from 'playwright-core';

const PORT = '18186';
const KEY = 'screenshots-only-key';
const BASE = `http://localhost:${PORT}`;
const FOLDER = 'docs/images';
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

async function started() {
  const child = spawn(process.execPath, ['dist/main.js'], {
    env: { PATH: process.env.PATH, PORT, SERVICE_KEYS: `all:token+push+admin:${KEY}` },
    stdio: 'ignore',
  });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const ready = await fetch(`${BASE}/health/ready`).catch(() => undefined);
    if (ready?.ok) return child;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill();
  throw new Error('the service did not get ready');
}

/** A console with its first clients connected. */
async function open(browser, viewport, colorScheme, locale) {
  const context = await browser.newContext({ viewport, colorScheme, locale });
  const page = await context.newPage();
  await page.goto(`${BASE}/console`);
  await page.fill('input[name=key]', KEY);
  await page.keyboard.press('Enter');
  await page.locator('[data-client=bob].connected').waitFor();
  await page.locator('.top .pill.good').waitFor();
  return page;
}

async function tour(page) {
  for (const step of ['push', 'ask', 'write', 'resume']) {
    await page.locator(`[data-step=${step}] button`).click();
    await page.locator(`[data-step=${step}].done`).waitFor();
    await page.locator(`[data-step=${step}] button[aria-disabled=false]`).waitFor();
  }
}

async function story(page, index) {
  await page.goto(`${BASE}/console#scenarios`);
  await page.locator('.scenario-choice').nth(index).click();
  await page.locator('.stage-head button').click();
}

async function shoot(page, name, fullPage = false) {
  await page.evaluate(() => {
    globalThis.document.activeElement?.blur();
    globalThis.scrollTo(0, 0);
  });
  await page.screenshot({ path: `${FOLDER}/${name}.png`, fullPage, animations: 'disabled' });
  await page.context().close();
}

async function pictures(browser) {
  let page = await open(browser, DESKTOP, 'light', 'en-US');
  await tour(page);
  // The figures come once a second.
  await page.getByText('live · 2 connected').waitFor();
  await shoot(page, 'console-try', true);

  page = await open(browser, DESKTOP, 'light', 'en-US');
  await story(page, 1);
  await page.locator('[data-story=done]').waitFor();
  await shoot(page, 'console-payment');

  page = await open(browser, DESKTOP, 'dark', 'en-US');
  await page.goto(`${BASE}/console#look`);
  await page.locator('.traffic button').click();
  await page.locator('.traffic button[aria-disabled=true]').waitFor();
  await page.locator('.traffic button[aria-disabled=false]').waitFor({ timeout: 60_000 });
  await shoot(page, 'console-look-dark');

  page = await open(browser, PHONE, 'light', 'zh-CN');
  await story(page, 0);
  await page.locator('.qr').waitFor();
  await shoot(page, 'console-phone-zh', true);
}

mkdirSync(FOLDER, { recursive: true });
const service = await started();
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
  await pictures(browser);
} finally {
  await browser.close();
  service.kill();
}
