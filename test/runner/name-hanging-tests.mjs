// Loaded into ava's main process. When tests hang, ava 8.0.1's TAP reporter is handed a plain Error where it
// expects one with its original inside, and crashes instead of naming them. With this it names them.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
	Object.defineProperty(Error.prototype, 'originalError', {
		configurable: true,
		get() {
			return this;
		},
		set(value) {
			Object.defineProperty(this, 'originalError', {
				value,
				configurable: true,
				writable: true,
				enumerable: true,
			});
		},
	});
}
