import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { failed, notFound, success } from '../../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS, CONFIGURE_MANAGER } from '../../redfish/privileges.ts';
import { flag, listOf, object, oneOf, text, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { type Device, withSettings } from '../device.ts';
import { sensorRoutes } from './sensors.ts';
import { changeMember } from './system-parts.ts';
import { resetInfo } from './systems.ts';

const ALL = '/redfish/v1/Chassis';
const C = `${ALL}/{}`;
export const CHASSIS = `${ALL}/chassis`;

function isChassis(call: Call): boolean {
	return call.params[0] === 'chassis';
}

export function chassisRoutes(device: Device): Route[] {
	const inChassis = (uri: string) => (call: Call) => (isChassis(call) ? uri : undefined);
	return [
		...resource(ALL, () => collection(ALL, 'ChassisCollection', 'Chassis Collection', ['chassis'])),
		...resource(C, call => (isChassis(call) ? showChassis(device) : undefined), { type: 'Chassis' }),
		changeMember(
			device,
			C,
			CONFIGURE_COMPONENTS,
			{ LocationIndicatorActive: flag, IndicatorLED: oneOf('Lit', 'Blinking', 'Off') },
			inChassis(CHASSIS),
			{ type: 'Chassis' },
		),
		...resource(
			`${C}/ResetActionInfo`,
			call => (isChassis(call) ? resetInfo(CHASSIS, ['PowerCycle']) : undefined),
			{
				type: 'Chassis',
			},
		),
		act('POST', `${C}/Actions/Chassis.Reset`, CONFIGURE_COMPONENTS, call => {
			if (!isChassis(call)) return notFound('Chassis', call.params[0] ?? '');
			const read = call.values({ ResetType: text }, ['ResetType']);
			if (!read.ok) return read.outcome;
			const type = String(read.value.get('ResetType'));
			if (type !== 'PowerCycle') return failed(400, 'ActionParameterNotSupported', type, 'ResetType');
			device.host.power.reset('PowerCycle');
			return success();
		}),
		...sensorRoutes(device),
		...powerSubsystemRoutes(device),
		...thermalSubsystemRoutes(device),
		...resource(`${C}/EnvironmentMetrics`, call => (isChassis(call) ? environment(device) : undefined), {
			schema: 'EnvironmentMetrics',
			type: 'Chassis',
		}),
		changeMember(
			device,
			`${C}/EnvironmentMetrics`,
			CONFIGURE_MANAGER,
			{ PowerLimitWatts: { SetPoint: wholeNumber(0, 2000), ControlMode: oneOf('Automatic', 'Disabled') } },
			inChassis(`${CHASSIS}/EnvironmentMetrics`),
			{ type: 'Chassis', schema: 'EnvironmentMetrics' },
		),
		...resource(`${C}/Assembly`, call => (isChassis(call) ? assembly() : undefined), {
			schema: 'Assembly',
			type: 'Chassis',
		}),
		changeMember(
			device,
			`${C}/Assembly`,
			CONFIGURE_COMPONENTS,
			{ Assemblies: listOf(object) },
			inChassis(`${CHASSIS}/Assembly`),
			{ type: 'Chassis', schema: 'Assembly' },
		),
		...resource(
			`${C}/NetworkAdapters`,
			call =>
				isChassis(call)
					? collection(
							`${CHASSIS}/NetworkAdapters`,
							'NetworkAdapterCollection',
							'chassis Network Adapter Collection',
							[],
						)
					: undefined,
			{ type: 'Chassis' },
		),
	];
}

function showChassis(device: Device): JsonObject {
	const on = device.host.power.state().kind !== 'Off';
	const { identity } = device;
	const cpus = device.host.hardware.processors.map((_, index) =>
		link(`/redfish/v1/Systems/system/Processors/cpu${index}`),
	);
	return withSettings(device, {
		'@odata.id': CHASSIS,
		'@odata.type': '#Chassis.v1_22_0.Chassis',
		Id: 'chassis',
		Name: 'chassis',
		ChassisType: 'RackMount',
		Manufacturer: identity.manufacturer,
		Model: identity.model,
		PartNumber: `${identity.model}-CH`,
		SerialNumber: identity.serial,
		Location: { PartLocation: { ServiceLabel: device.name } },
		LocationIndicatorActive: false,
		PowerState: on ? 'On' : 'Off',
		Status: { State: on ? 'Enabled' : 'StandbyOffline' },
		Assembly: link(`${CHASSIS}/Assembly`),
		// OpenBMC has no such collection; other vendors' chassis do (DSP0268, Chassis.Certificates).
		Certificates: link(`${CHASSIS}/Certificates`),
		EnvironmentMetrics: link(`${CHASSIS}/EnvironmentMetrics`),
		NetworkAdapters: link(`${CHASSIS}/NetworkAdapters`),
		PowerSubsystem: link(`${CHASSIS}/PowerSubsystem`),
		Sensors: link(`${CHASSIS}/Sensors`),
		ThermalSubsystem: link(`${CHASSIS}/ThermalSubsystem`),
		Links: {
			ComputerSystems: [link('/redfish/v1/Systems/system')],
			ManagedBy: [link('/redfish/v1/Managers/bmc')],
			Processors: cpus,
			'Processors@odata.count': cpus.length,
		},
		Actions: {
			'#Chassis.Reset': {
				target: `${CHASSIS}/Actions/Chassis.Reset`,
				'@Redfish.ActionInfo': `${CHASSIS}/ResetActionInfo`,
			},
		},
	});
}

function environment(device: Device): JsonObject {
	const now = device.host.readings();
	const fans = ['fan0', 'fan1'].map(fan => ({
		DataSourceUri: `${CHASSIS}/Sensors/fantach_${fan}_tach`,
		DeviceName: `Chassis Fan ${fan}`,
		SpeedRPM: now[`fantach_${fan}_tach`]?.value ?? 0,
	}));
	return withSettings(device, {
		'@odata.id': `${CHASSIS}/EnvironmentMetrics`,
		'@odata.type': '#EnvironmentMetrics.v1_3_0.EnvironmentMetrics',
		Id: 'EnvironmentMetrics',
		Name: 'Chassis Environment Metrics',
		FanSpeedsPercent: fans,
		'FanSpeedsPercent@odata.count': fans.length,
		PowerWatts: {
			DataSourceUri: `${CHASSIS}/Sensors/power_total_power`,
			Reading: now.power_total_power?.value ?? 0,
		},
	});
}

function assembly(): JsonObject {
	return {
		'@odata.id': `${CHASSIS}/Assembly`,
		'@odata.type': '#Assembly.v1_6_0.Assembly',
		Id: 'Assembly',
		Name: 'Assembly Collection',
		Assemblies: [],
		'Assemblies@odata.count': 0,
	};
}

function powerSubsystemRoutes(device: Device): Route[] {
	const uri = `${CHASSIS}/PowerSubsystem`;
	return [
		...resource(
			`${C}/PowerSubsystem`,
			call =>
				isChassis(call)
					? {
							'@odata.id': uri,
							'@odata.type': '#PowerSubsystem.v1_1_0.PowerSubsystem',
							Id: 'PowerSubsystem',
							Name: 'Power Subsystem',
							PowerSupplies: link(`${uri}/PowerSupplies`),
							Status: { Health: 'OK', State: 'Enabled' },
						}
					: undefined,
			{ schema: 'PowerSubsystem', type: 'Chassis' },
		),
		...parts(device, {
			pattern: `${C}/PowerSubsystem/PowerSupplies`,
			uri: `${uri}/PowerSupplies`,
			type: 'PowerSupply',
			version: 'v1_5_0',
			name: 'Power Supply',
			model: 'PSU 800W',
			description: 'The collection of PowerSupply resource instances.',
			members: ['powersupply0', 'powersupply1'],
		}),
	];
}

function thermalSubsystemRoutes(device: Device): Route[] {
	const uri = `${CHASSIS}/ThermalSubsystem`;
	return [
		...resource(
			`${C}/ThermalSubsystem`,
			call =>
				isChassis(call)
					? {
							'@odata.id': uri,
							'@odata.type': '#ThermalSubsystem.v1_0_0.ThermalSubsystem',
							Id: 'ThermalSubsystem',
							Name: 'Thermal Subsystem',
							Fans: link(`${uri}/Fans`),
							ThermalMetrics: link(`${uri}/ThermalMetrics`),
							Status: { Health: 'OK', State: 'Enabled' },
						}
					: undefined,
			{ schema: 'ThermalSubsystem', type: 'Chassis' },
		),
		...resource(
			`${C}/ThermalSubsystem/ThermalMetrics`,
			call => (isChassis(call) ? thermalMetrics(device) : undefined),
			{
				schema: 'ThermalMetrics',
				type: 'Chassis',
			},
		),
		...parts(device, {
			pattern: `${C}/ThermalSubsystem/Fans`,
			uri: `${uri}/Fans`,
			type: 'Fan',
			version: 'v1_6_0',
			name: 'Fan',
			model: 'Fan 60mm',
			description: 'The collection of Fan resource instances chassis',
			members: ['fan0', 'fan1'],
		}),
	];
}

function thermalMetrics(device: Device): JsonObject {
	const temperatures = Object.entries(device.host.readings())
		.filter(([, reading]) => reading.type === 'Temperature')
		.map(([id, reading]) => ({ DataSourceUri: `${CHASSIS}/Sensors/${id}`, Reading: reading.value }));
	return {
		'@odata.id': `${CHASSIS}/ThermalSubsystem/ThermalMetrics`,
		'@odata.type': '#ThermalMetrics.v1_0_1.ThermalMetrics',
		Id: 'ThermalMetrics',
		Name: 'Thermal Metrics',
		TemperatureReadingsCelsius: temperatures,
		'TemperatureReadingsCelsius@odata.count': temperatures.length,
	};
}

/** Two of a kind: fans, power supplies. */
function parts(
	device: Device,
	kind: {
		readonly pattern: string;
		readonly uri: string;
		readonly type: 'Fan' | 'PowerSupply';
		readonly version: string;
		readonly name: string;
		readonly model: string;
		readonly description: string;
		readonly members: readonly string[];
	},
): Route[] {
	const find = (call: Call) =>
		isChassis(call) && kind.members.includes(call.params[1] ?? '')
			? `${kind.uri}/${call.params[1]}`
			: undefined;
	const show = (id: string): JsonObject =>
		withSettings(device, {
			'@odata.id': `${kind.uri}/${id}`,
			'@odata.type': `#${kind.type}.${kind.version}.${kind.type}`,
			Id: id,
			Name: kind.name,
			Manufacturer: device.identity.manufacturer,
			Model: kind.model,
			PartNumber: kind.model.replace(' ', '-'),
			SerialNumber: `${device.identity.serial}-${id.toUpperCase()}`,
			Status: { Health: 'OK', State: 'Enabled' },
		});
	const options = { schema: kind.type, type: kind.type };
	return [
		...resource(
			kind.pattern,
			call =>
				isChassis(call)
					? collection(
							kind.uri,
							`${kind.type}Collection`,
							`${kind.name} Collection`,
							kind.members,
							kind.description,
						)
					: undefined,
			{ schema: `${kind.type}Collection`, type: 'Chassis' },
		),
		...resource(`${kind.pattern}/{}`, call => (find(call) ? show(call.params[1] ?? '') : undefined), options),
		changeMember(
			device,
			`${kind.pattern}/{}`,
			CONFIGURE_COMPONENTS,
			{ LocationIndicatorActive: flag },
			find,
			options,
		),
	];
}
