import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** A resource as the reader may see it; undefined where it would not be shown at once. */
export type Look = (path: string) => Promise<JsonValue | undefined>;

/** How many are under way at once: a BMC takes some 50 ms for each, and others want to be served as well. */
const concurrency = 4;

/** `work` for each item, a few at a time; the first fault ends it. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
	const rest = items.values();
	const worker = async (): Promise<void> => {
		for (const item of rest) await work(item);
	};
	await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}

/** The same look, each resource once: within one answer a resource is one thing. */
export function lookOnce(look: Look): Look {
	const looked = new Map<string, Promise<JsonValue | undefined>>();
	return path => {
		let result = looked.get(path);
		if (!result) {
			result = look(path);
			looked.set(path, result);
		}
		return result;
	};
}
