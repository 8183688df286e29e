import { createBrocade } from './brocade/driver.ts';
import { createDellTypes } from './dell-cli/types.ts';
import { createDellOs10 } from './dell-os10/driver.ts';
import type { SwitchTrust, SwitchType } from './driver.ts';
import { createJunos } from './junos/driver.ts';
import { createMockSwitches } from './mock.ts';
import { createNexus } from './nexus/driver.ts';
import { openVswitchType } from './open-vswitch/driver.ts';
import { createHttps } from './transport/https.ts';

/** Every kind of switch that has a driver, by the URI of its type. */
export function switchTypes(trust: SwitchTrust): ReadonlyMap<string, SwitchType> {
	const https = createHttps(trust);
	const types: readonly SwitchType[] = [
		createMockSwitches().type,
		openVswitchType(trust),
		createNexus(https),
		createDellOs10(https),
		...createDellTypes(trust),
		createJunos(trust),
		createBrocade(https),
	];
	return new Map(types.map(type => [type.type, type]));
}
