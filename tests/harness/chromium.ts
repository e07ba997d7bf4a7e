// Starts a browser with WebGPU for page tests, from npm packages only.

import { readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser, type LaunchOptions } from 'playwright-core';
import { extract } from '../../src/backends/webgpu/extract-node.ts';

// Always the software adapter, so that page tests use the same device on every machine.
const args = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Fontconfig for the packaged font: bare machines have none, and rendering is the same everywhere. */
async function fontConfig(fonts: string): Promise<string> {
  const file = join(fonts, `here-${process.pid}.conf`);
  const lines = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    `<fontconfig><dir>${join(fonts, 'fonts')}</dir><cachedir>${join(fonts, 'cache')}</cachedir></fontconfig>`,
  ];
  await writeFile(file, lines.join('\n'));
  const shared = join(fonts, 'here.conf');
  // Renamed into place, because another process may be reading it.
  await rename(file, shared);
  return shared;
}

/** Chromium from the npm package @sparticuz/chromium, with libraries that a bare container lacks. */
async function packagedChromium(): Promise<LaunchOptions | null> {
  const [folder, swiftshader, libraries, fonts] = await Promise.all(
    (['chromium', 'swiftshader', 'al2023', 'fonts'] as const).map((archive) => extract(archive)),
  );
  if (!folder || !swiftshader || !libraries || !fonts) return null;
  // Chromium looks for its GPU libraries beside its executable.
  for (const file of await readdir(swiftshader)) {
    await symlink(join(swiftshader, file), join(folder, file)).catch((error: { code?: string }) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  const { VK_ICD_FILENAMES: _, VK_DRIVER_FILES: __, ...env } = process.env;
  return {
    executablePath: join(folder, 'chromium'),
    env: {
      ...(env as Record<string, string>),
      FONTCONFIG_FILE: await fontConfig(fonts),
      LD_LIBRARY_PATH: [join(libraries, 'lib'), env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    },
  };
}

/**
 * Launches a headless Chromium with `navigator.gpu` on SwiftShader (only on https and localhost, as in every browser): the
 * executable in FIVE_TIGERS_CHROME; else, on Linux x64, that of @sparticuz/chromium; else the installed Chrome. Throws
 * playwright's error if there is none. The caller closes it.
 */
export async function launchChromium(): Promise<Browser> {
  const executablePath = process.env.FIVE_TIGERS_CHROME;
  const options = executablePath ? { executablePath } : ((await packagedChromium()) ?? { channel: 'chrome' });
  return chromium.launch({ headless: true, args, ...options });
}
