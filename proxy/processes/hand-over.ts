/**
 * Thrown in a worker where a request turns out to need what home alone has. Nothing of it was executed or recorded
 * yet: home takes it from its first byte.
 */
export class HandOver extends Error {
	constructor(why: string) {
		super(`for home: ${why}`);
	}
}
