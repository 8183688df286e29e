import { hilErrors } from '../errors.ts';
import type { Obm } from './obm.ts';

/** For a site that names no proxy: every call says so. */
export function createNoObm(): Obm {
	const refuse = async (): Promise<never> => {
		throw hilErrors.OBMError('This site names no proxy to manage nodes through: see obm in hil.yaml.');
	};
	return {
		power: refuse,
		state: refuse,
		setBootDevice: refuse,
		openConsole: refuse,
		follow: refuse,
		withdraw: refuse,
		close: async () => undefined,
	};
}
