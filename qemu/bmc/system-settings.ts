import { z } from 'zod';
import type { BootSettings, WatchdogSettings } from './host.ts';
import { SYSTEM } from './resources/systems.ts';
import type { BmcState } from './state.ts';

const bootSettings = z.object({
	'Boot/BootSourceOverrideEnabled': z.enum(['Disabled', 'Once', 'Continuous']).default('Disabled'),
	'Boot/BootSourceOverrideTarget': z.string().default('None'),
	'Boot/BootSourceOverrideMode': z.enum(['Legacy', 'UEFI']).optional(),
});
const watchdogSettings = z.object({
	'HostWatchdogTimer/FunctionEnabled': z.boolean().default(true),
	'HostWatchdogTimer/TimeoutAction': z
		.enum(['None', 'ResetSystem', 'PowerCycle', 'PowerDown'])
		.default('ResetSystem'),
});

/** What was asked for of the next boot. */
export function bootSettingsOf(state: BmcState): BootSettings {
	const read = bootSettings.parse(state.settings[SYSTEM] ?? {});
	return {
		enabled: read['Boot/BootSourceOverrideEnabled'],
		target: read['Boot/BootSourceOverrideTarget'],
		mode: read['Boot/BootSourceOverrideMode'],
	};
}

export function watchdogSettingsOf(state: BmcState): WatchdogSettings {
	const read = watchdogSettings.parse(state.settings[SYSTEM] ?? {});
	return {
		enabled: read['HostWatchdogTimer/FunctionEnabled'],
		action: read['HostWatchdogTimer/TimeoutAction'],
	};
}

/** A boot override for one time has had its time (DSP0268, Boot.BootSourceOverrideEnabled); false: there was none. */
export function forgetOneTimeBoot(state: BmcState): boolean {
	const settings = state.settings[SYSTEM];
	if (settings?.['Boot/BootSourceOverrideEnabled'] !== 'Once') return false;
	settings['Boot/BootSourceOverrideEnabled'] = 'Disabled';
	settings['Boot/BootSourceOverrideTarget'] = 'None';
	return true;
}
