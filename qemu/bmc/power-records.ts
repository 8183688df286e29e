import { type NewRecord, oem } from './event-log.ts';
import type { HostEvent } from './host.ts';
import type { PowerState } from './power.ts';

/** The log entry that an event leaves; undefined where nothing worth telling happened. */
export function describePowerEvent(
	event: HostEvent,
	now: PowerState,
	before: PowerState,
): NewRecord | undefined {
	if (event === 'Nmi') {
		return now.kind === 'Off'
			? undefined
			: record('Critical', 'NMIRaised', 'A non-maskable interrupt was raised on request.', 'nmi');
	}
	switch (event) {
		case 'GuestReset':
			return record('OK', 'HostReset', 'The host restarted by itself.', 'restart');
		case 'GuestShutdown':
			return record('OK', 'HostPowerOff', 'The host shut itself down and is off.', 'power off');
		case 'ShutdownTimeout':
			return record(
				'Warning',
				'HostShutdownTimeout',
				'The host did not shut down in time; it was switched off.',
				'forced off',
			);
		case 'Failed':
			// Whoever saw it fail knows more, and reports it.
			return undefined;
	}
	if (now === before) return undefined;
	switch (now.kind) {
		case 'PoweringOn':
			return record('OK', 'HostPowerOn', `The host is being switched on (${event}).`, 'power on');
		case 'On':
			if (event === 'Started')
				return record('OK', 'HostStarted', 'The host is on and runs its firmware.', 'firmware');
			return record('OK', 'HostBooted', 'The host finished its self-test and booted.', 'boot');
		case 'PoweringOff':
			return record('OK', 'HostShutdownStarted', `The host was asked to shut down (${event}).`, 'shutdown');
		case 'Off':
			return event === 'ForceOff'
				? record('Warning', 'HostPowerCut', 'The host was switched off without shutting down.', 'forced off')
				: record('OK', 'HostPowerOff', 'The host shut down and is off.', 'power off');
		default:
			return now satisfies never;
	}
}

function record(severity: NewRecord['severity'], id: string, message: string, detail: string): NewRecord {
	return { severity, messageId: `OpenBMC.0.5.${id}`, message, oem: oem('host', detail) };
}
