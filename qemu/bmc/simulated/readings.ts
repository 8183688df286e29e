import type { Reading } from '../host.ts';
import type { PowerState } from '../power.ts';

// Watts at the wall: standby, self-test with everything at full speed, an operating system that idles.
const WATTS: Readonly<Record<PowerState['kind'], number>> = {
	Off: 8,
	PoweringOn: 130,
	On: 110,
	PoweringOff: 100,
};

/** What a server draws in a state, in watts, before any variation. */
export function drawnWatts(kind: PowerState['kind']): number {
	return WATTS[kind];
}

/** Every sensor's reading by its id; they follow the power state and differ a little between servers. */
export function readings(serial: string, kind: PowerState['kind']): Readonly<Record<string, Reading>> {
	const offset = spread(serial);
	const running = kind !== 'Off';
	const watts = drawnWatts(kind) + (running ? offset : 0);
	const cpu = { Off: 26, PoweringOn: 61, On: 52, PoweringOff: 45 }[kind] + offset;
	const rpm = { Off: 0, PoweringOn: 9800, On: 5000, PoweringOff: 5000 }[kind];
	return {
		fantach_fan0_tach: fan('fan0 tach', rpm),
		fantach_fan1_tach: fan('fan1 tach', running ? rpm + 100 : 0),
		power_psu0_input_power: power('psu0 input power', Math.ceil(watts / 2), 800),
		power_psu1_input_power: power('psu1 input power', Math.floor(watts / 2), 800),
		power_total_power: power('total power', watts, 1600),
		temperature_ambient: temperature('ambient', 23.5 + offset / 2, 45),
		temperature_cpu0: temperature('cpu0', cpu, 100),
		temperature_cpu1: temperature('cpu1', cpu + 1, 100),
		voltage_p12v: { name: 'p12v', type: 'Voltage', units: 'V', value: running ? 12.02 : 0, critical: 13.2 },
	};
}

const fan = (name: string, value: number): Reading => ({
	name,
	type: 'Rotational',
	units: 'RPM',
	value,
	critical: 12_000,
});
const power = (name: string, value: number, critical: number): Reading => ({
	name,
	type: 'Power',
	units: 'W',
	value,
	critical,
});
const temperature = (name: string, value: number, critical: number): Reading => ({
	name,
	type: 'Temperature',
	units: 'Cel',
	value,
	critical,
});

/** A number from -3 to 3 that belongs to a text. */
export function spread(text: string): number {
	let hash = 7;
	for (const character of text) hash = (hash * 31 + character.charCodeAt(0)) % 9973;
	return (hash % 7) - 3;
}
