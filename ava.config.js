export default {
	files: ['**/*.test.ts', '!node_modules/**', '!.bimetal/**'],
	extensions: { ts: 'module' },
	timeout: '2m',
	failFast: false,
};
