import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** What the titles of tests that need an image carry where there is none; the closing table of `npm test` counts them. */
export const needsImage = '[needs an OpenBMC image]';
const folder = path.join(import.meta.dirname, '../../../shared/openbmc');

/**
 * The OpenBMC flash image that tests are to run against: what BIMETAL_OPENBMC_IMAGE names, else the first
 * `*.static.mtd` in ../shared/openbmc/. Throws when the variable names what is not there: that is no wish for none.
 */
export function findOpenbmcImage(env: NodeJS.ProcessEnv): string | undefined {
	const named = env.BIMETAL_OPENBMC_IMAGE;
	if (named) {
		if (!existsSync(named) || !statSync(named).isFile())
			throw new Error(`BIMETAL_OPENBMC_IMAGE names ${named}, which is no file`);
		return path.resolve(named);
	}
	if (!existsSync(folder)) return undefined;
	const [first] = readdirSync(folder)
		.filter(name => name.endsWith('.static.mtd'))
		.sort();
	return first && path.join(folder, first);
}
