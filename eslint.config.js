import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const noClockNoChance = [
  { object: 'Math', property: 'random', message: 'Randomness comes in through the Random interface.' },
];

// What a reader can hold in mind. A switch counts as one branch, however many its cases; each `?.`, `??` and `&&` counts too,
// hence twenty. More than six parameters want a name each, so an object.
const sizes = {
  complexity: ['error', { max: 20, variant: 'modified' }],
  'max-params': ['error', 6],
  'max-depth': ['error', 3],
};

export default tseslint.config(
  { ignores: ['dist/', 'dist.*/', 'coverage/', 'node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  { files: ['**/*.{ts,js,mjs}'], rules: sizes },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off' },
  },
  {
    files: ['lib/wire/**/*.ts', 'lib/core/**/*.ts', 'lib/srtp/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        'Date',
        'process',
        'Buffer',
        'setTimeout',
        'setInterval',
        'crypto',
        'performance',
        'console',
      ],
      'no-restricted-properties': ['error', ...noClockNoChance],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            'node:*',
            ...['net', 'sip', 'room', 'capture', 'audio', 'server', 'phone', 'cli', 'plugins'].map(
              (room) => `**/${room}/**`,
            ),
          ],
        },
      ],
    },
  },
  {
    files: ['plugins/watch/page/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['window', 'document', 'location', 'history', 'sessionStorage', 'fetch', 'matchMedia', 'Option'],
          ...['getComputedStyle', 'requestAnimationFrame', 'TextDecoderStream', 'URLSearchParams'],
          ...['AbortController', 'WebSocket', 'clearTimeout'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'URL', 'Buffer', 'setTimeout', 'setInterval', 'clearInterval'].map((name) => [
          name,
          'readonly',
        ]),
      ),
    },
  },
);
