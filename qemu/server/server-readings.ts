import type { Reading } from '../bmc/host.ts';

/** Watts at the outlet while only the BMC runs. */
const STANDBY_WATTS = 8;

export interface WattsRange {
	/** When its processors have nothing to do. */
	readonly idle: number;
	/** When all are busy. */
	readonly busy: number;
}

/**
 * Watts that a server draws: standby when it is off, else between idle and busy in proportion to how much processor
 * time its machine really took, from 0 to 1 of all that it has.
 */
export function serverWatts(isOn: boolean, load: number, range: WattsRange): number {
	return isOn ? Math.round(range.idle + (range.busy - range.idle) * load) : STANDBY_WATTS;
}

/**
 * Every sensor's reading by its id, the same ids as a simulated server has. Temperatures and fans follow the load as
 * the watts do: 35 to 75 °C at the processors over an inlet of 23 °C, and fans from 4000 to 10 000 RPM.
 */
export function serverReadings(
	isOn: boolean,
	load: number,
	watts: number,
): Readonly<Record<string, Reading>> {
	const processor = isOn ? Math.round(35 + 40 * load) : 24;
	const rpm = isOn ? Math.round((4000 + 6000 * load) / 100) * 100 : 0;
	return {
		fantach_fan0_tach: reading('fan0 tach', 'Rotational', 'RPM', rpm, 12_000),
		fantach_fan1_tach: reading('fan1 tach', 'Rotational', 'RPM', rpm, 12_000),
		power_psu0_input_power: reading('psu0 input power', 'Power', 'W', Math.ceil(watts / 2), 800),
		power_psu1_input_power: reading('psu1 input power', 'Power', 'W', Math.floor(watts / 2), 800),
		power_total_power: reading('total power', 'Power', 'W', watts, 1600),
		temperature_ambient: reading('ambient', 'Temperature', 'Cel', 23, 45),
		temperature_cpu0: reading('cpu0', 'Temperature', 'Cel', processor, 100),
		temperature_cpu1: reading('cpu1', 'Temperature', 'Cel', processor, 100),
		voltage_p12v: reading('p12v', 'Voltage', 'V', isOn ? 12.02 : 0, 13.2),
	};
}

const reading = (
	name: string,
	type: Reading['type'],
	units: Reading['units'],
	value: number,
	critical: number,
): Reading => ({ name, type, units, value, critical });
