import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { build, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const server = 'http://localhost:8000';
const target = 'es2023';

/** The chat for people's own sites: one script without imports, which any page can load by its address. */
function widget(): Plugin {
  return {
    name: 'widget',
    apply: 'build',
    async generateBundle() {
      const made = await build({
        configFile: false,
        logLevel: 'warn',
        publicDir: false,
        build: {
          target,
          write: false,
          lib: { entry: 'src/widget/main.ts', formats: ['iife'], name: 'roostChat', fileName: 'widget' },
        },
      });
      const outputs = (Array.isArray(made) ? made : [made]).flatMap((each) =>
        'output' in each ? each.output : [],
      );
      const chunk = outputs.find((each) => each.type === 'chunk');
      if (chunk?.type !== 'chunk') throw new Error('the widget was not built');
      this.emitFile({ type: 'asset', fileName: 'widget.js', source: chunk.code });
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), widget()],
  build: {
    target,
    // The policy of the server allows fonts and scripts from its own origin only: nothing may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': server,
      '/auth': server,
      '/healthz': server,
      '/manual': server,
      '/widget': server,
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    unstubGlobals: true,
  },
});
