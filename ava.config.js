export default {
	files: ['**/*.test.ts', '!node_modules/**', '!.bimetal/**'],
	extensions: ['ts'],
	// Processes, not threads: Node 24 can crash when a thread that used WebAssembly (undici's HTTP parser) ends.
	workerThreads: false,
	timeout: '2m',
	failFast: false,
};
