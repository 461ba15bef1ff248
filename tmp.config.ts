import { defineConfig } from 'vitest/config';
export default defineConfig({ test: { root: '/tmp/n2', include: ['test/**/*.test.ts'] } });
