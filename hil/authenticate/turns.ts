import { hilErrors } from '../errors.ts';

/** TooBusyError (503): not looked at; milliseconds until it is worth another try. */
export const tooBusy = (why: string, milliseconds: number) =>
	hilErrors.TooBusyError(why, { retryAfterSeconds: Math.ceil(milliseconds / 1000) });

/** Lets so many works run at a time and so many more wait; throws TooBusyError for what is beyond that. */
export function createTurns({ running: most, waiting: queue }: { running: number; waiting: number }) {
	let running = 0;
	const waiting: (() => void)[] = [];
	return async <T>(work: () => Promise<T>): Promise<T> => {
		if (running >= most) {
			if (waiting.length >= queue) throw tooBusy('Too many log-ins are being checked.', 2000);
			await new Promise<void>(resolve => waiting.push(resolve));
		} else running++;
		try {
			return await work();
		} finally {
			const next = waiting.shift();
			if (next) next();
			else running--;
		}
	};
}
