import type { SwitchTrust, SwitchType } from './driver.ts';
import { createMockSwitches } from './mock.ts';

/** Every kind of switch that has a driver, by the URI of its type. */
export function switchTypes(_trust: SwitchTrust): ReadonlyMap<string, SwitchType> {
	const types: readonly SwitchType[] = [createMockSwitches().type];
	return new Map(types.map(type => [type.type, type]));
}
