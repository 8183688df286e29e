export default {
	files: ['**/*.test.ts', '!node_modules/**', '!.bimetal/**'],
	extensions: ['ts'],
	timeout: '2m',
	failFast: false,
};
