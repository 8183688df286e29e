import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { done, failed, notFound, type Outcome } from '../../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS } from '../../redfish/privileges.ts';
import { flag, oneOf, type Shape, text, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { changeSettings, type Device, preciseTimestamp, timestamp, withSettings } from '../device.ts';
import { type PowerState, RESET_TYPES, type ResetType } from '../power.ts';

export const SYSTEM = '/redfish/v1/Systems/system';
const RETRY_ATTEMPTS = 3;

const changeable = (bootTargets: readonly string[]): Shape => ({
	AssetTag: text,
	LocationIndicatorActive: flag,
	IndicatorLED: oneOf('Lit', 'Blinking', 'Off'),
	PowerRestorePolicy: oneOf('AlwaysOn', 'AlwaysOff', 'LastState'),
	PowerMode: oneOf('Static', 'MaximumPerformance', 'PowerSaving'),
	HostWatchdogTimer: {
		FunctionEnabled: flag,
		TimeoutAction: oneOf('None', 'ResetSystem', 'PowerCycle', 'PowerDown'),
	},
	IdlePowerSaver: { Enabled: flag },
	Boot: {
		BootSourceOverrideEnabled: oneOf('Disabled', 'Once', 'Continuous'),
		BootSourceOverrideMode: oneOf('Legacy', 'UEFI'),
		BootSourceOverrideTarget: oneOf(...bootTargets),
		AutomaticRetryConfig: oneOf('Disabled', 'RetryAttempts'),
		AutomaticRetryAttempts: wholeNumber(0, 10),
		StopBootOnFault: oneOf('Never', 'AnyFault'),
		TrustedModuleRequiredToBoot: oneOf('Disabled', 'Required'),
	},
});

export function systemRoutes(device: Device): Route[] {
	const uri = '/redfish/v1/Systems';
	return [
		...resource(
			uri,
			() => collection(uri, 'ComputerSystemCollection', 'Computer System Collection', ['system']),
			{ schema: 'ComputerSystemCollection.json' },
		),
		...resource(`${uri}/{}`, call => (isSystem(call) ? showSystem(device) : undefined), {
			schema: 'ComputerSystem',
		}),
		act('PATCH', `${uri}/{}`, CONFIGURE_COMPONENTS, call => changeSystem(device, call), {
			schema: 'ComputerSystem',
		}),
		...resource(
			`${uri}/{}/ResetActionInfo`,
			call => (isSystem(call) ? resetInfo(SYSTEM, RESET_TYPES) : undefined),
			{
				schema: 'ActionInfo',
				type: 'ComputerSystem',
			},
		),
		act('POST', `${uri}/{}/Actions/ComputerSystem.Reset`, CONFIGURE_COMPONENTS, call =>
			resetSystem(device, call),
		),
	];
}

export function isSystem(call: Call): boolean {
	return call.params[0] === 'system';
}

function showSystem(device: Device): JsonObject {
	const { identity } = device;
	const { hardware, power } = device.host;
	const { kind } = power.state();
	const changedAt = power.changedAt();
	return withSettings(device, {
		'@odata.id': SYSTEM,
		'@odata.type': '#ComputerSystem.v1_22_0.ComputerSystem',
		Id: 'system',
		Name: 'system',
		Description: 'Computer System',
		SystemType: 'Physical',
		Manufacturer: identity.manufacturer,
		Model: identity.model,
		PartNumber: `${identity.model}-SYS`,
		SerialNumber: identity.serial,
		UUID: identity.uuid,
		AssetTag: identity.assetTag,
		PowerState: kind,
		PowerRestorePolicy: 'LastState',
		LastResetTime: timestamp(changedAt),
		Status: { Health: 'OK', State: STATES[kind] },
		LocationIndicatorActive: false,
		ProcessorSummary: {
			Count: hardware.processors.length,
			CoreCount: sum(hardware.processors.map(({ cores }) => cores)),
		},
		MemorySummary: {
			TotalSystemMemoryGiB: sum(hardware.memory.map(({ capacityMiB }) => capacityMiB)) / 1024,
		},
		BootProgress: { LastState: device.host.bootProgress(), LastStateTime: preciseTimestamp(changedAt) },
		Boot: {
			AutomaticRetryAttempts: RETRY_ATTEMPTS,
			AutomaticRetryConfig: 'RetryAttempts',
			'AutomaticRetryConfig@Redfish.AllowableValues': ['Disabled', 'RetryAttempts'],
			BootSourceOverrideEnabled: 'Disabled',
			BootSourceOverrideMode: hardware.bootMode,
			'BootSourceOverrideMode@Redfish.AllowableValues': ['Legacy', 'UEFI'],
			BootSourceOverrideTarget: 'None',
			'BootSourceOverrideTarget@Redfish.AllowableValues': [...hardware.bootTargets],
			RemainingAutomaticRetryAttempts: RETRY_ATTEMPTS,
			StopBootOnFault: 'Never',
			TrustedModuleRequiredToBoot: 'Required',
		},
		HostWatchdogTimer: {
			FunctionEnabled: true,
			Status: { State: 'Enabled' },
			TimeoutAction: 'ResetSystem',
		},
		SerialConsole: {
			IPMI: { ServiceEnabled: true },
			MaxConcurrentSessions: 15,
			SSH: { HotKeySequenceDisplay: 'Press ~. to exit console', Port: 2200, ServiceEnabled: true },
		},
		...(hardware.trustedModule && {
			TrustedModules: [{ InterfaceType: hardware.trustedModule, Status: { Health: 'OK', State: 'Enabled' } }],
		}),
		PCIeDevices: [],
		'PCIeDevices@odata.count': 0,
		Bios: link(`${SYSTEM}/Bios`),
		...(hardware.nics.length > 0 && { EthernetInterfaces: link(`${SYSTEM}/EthernetInterfaces`) }),
		FabricAdapters: link(`${SYSTEM}/FabricAdapters`),
		LogServices: link(`${SYSTEM}/LogServices`),
		Memory: link(`${SYSTEM}/Memory`),
		Processors: link(`${SYSTEM}/Processors`),
		Storage: link(`${SYSTEM}/Storage`),
		Links: {
			Chassis: [link('/redfish/v1/Chassis/chassis')],
			ManagedBy: [link('/redfish/v1/Managers/bmc')],
		},
		Actions: {
			'#ComputerSystem.Reset': {
				target: `${SYSTEM}/Actions/ComputerSystem.Reset`,
				'@Redfish.ActionInfo': `${SYSTEM}/ResetActionInfo`,
			},
		},
	});
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const STATES: Readonly<Record<PowerState['kind'], string>> = {
	Off: 'Disabled',
	PoweringOn: 'Starting',
	On: 'Enabled',
	PoweringOff: 'Enabled',
};

function changeSystem(device: Device, call: Call): Outcome {
	const [id = ''] = call.params;
	if (!isSystem(call)) return notFound('ComputerSystem', id);
	const read = call.values(changeable(device.host.hardware.bootTargets));
	if (!read.ok) return read.outcome;
	changeSettings(device, SYSTEM, read.value);
	return done();
}

function resetSystem(device: Device, call: Call): Outcome {
	const [id = ''] = call.params;
	if (!isSystem(call)) return notFound('ComputerSystem', id);
	const read = call.values({ ResetType: text }, ['ResetType']);
	if (!read.ok) return read.outcome;
	const type = read.value.get('ResetType');
	if (!isResetType(type)) return failed(400, 'ActionParameterUnknown', 'Reset', String(type));
	device.host.power.reset(type);
	return done();
}

function isResetType(value: unknown): value is ResetType {
	return (RESET_TYPES as readonly unknown[]).includes(value);
}

/** What a Reset action takes, told as a resource. */
export function resetInfo(of: string, types: readonly string[]): JsonObject {
	return {
		'@odata.id': `${of}/ResetActionInfo`,
		'@odata.type': '#ActionInfo.v1_1_2.ActionInfo',
		Id: 'ResetActionInfo',
		Name: 'Reset Action Info',
		Parameters: [{ Name: 'ResetType', Required: true, DataType: 'String', AllowableValues: [...types] }],
	};
}
