/**
 * The same calls, each of which begins by a look whether this process may still make it: of several with one store, one moves
 * nodes, and one that hung must not go on with what another does by now. @param check throws when it may not
 */
export function checkedCalls<T extends object>(calls: T, check: () => void): T {
	const checked = Object.entries(calls).map(([name, call]: [string, (...args: unknown[]) => unknown]) => [
		name,
		async (...args: unknown[]) => {
			check();
			return call(...args);
		},
	]);
	return Object.fromEntries(checked) as T;
}
