import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { done, notFound, type Outcome } from '../../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS, type Requirement } from '../../redfish/privileges.ts';
import { flag, type Shape, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { changeSettings, type Device, withSettings } from '../device.ts';
import { isSystem, SYSTEM } from './systems.ts';

const S = '/redfish/v1/Systems/{}';
const CPUS = ['cpu0', 'cpu1'];
const DIMMS = ['dimm0', 'dimm1', 'dimm2', 'dimm3'];

/** A PATCH that keeps its values as settings of the member. */
export function changeMember(
	device: Device,
	pattern: string,
	requirement: Requirement,
	shape: Shape,
	find: (call: Call) => string | undefined,
	options: { readonly type: string; readonly schema?: string },
): Route {
	const change = (call: Call): Outcome => {
		const uri = find(call);
		if (uri === undefined) return notFound(options.type, call.params.at(-1) ?? '');
		const read = call.values(shape);
		if (!read.ok) return read.outcome;
		changeSettings(device, uri, read.value);
		return done();
	};
	return act('PATCH', pattern, requirement, change, options.schema ? { schema: options.schema } : {});
}

export function systemPartRoutes(device: Device): Route[] {
	return [
		...processorRoutes(device),
		...memoryRoutes(device),
		...storageRoutes(device),
		...resource(`${S}/Bios`, call => (isSystem(call) ? bios() : undefined), { type: 'ComputerSystem' }),
		act('POST', `${S}/Bios/Actions/Bios.ResetBios`, CONFIGURE_COMPONENTS, call => {
			if (!isSystem(call)) return notFound('ComputerSystem', call.params[0] ?? '');
			device.report({
				severity: 'Warning',
				messageId: 'OpenBMC.0.5.BIOSSettingsReset',
				message: 'The BIOS settings were set back to their defaults.',
			});
			return done();
		}),
		...resource(
			`${S}/FabricAdapters`,
			call =>
				isSystem(call)
					? collection(`${SYSTEM}/FabricAdapters`, 'FabricAdapterCollection', 'Fabric Adapter Collection', [])
					: undefined,
			{ schema: 'FabricAdapterCollection', type: 'ComputerSystem' },
		),
	];
}

function bios(): JsonObject {
	return {
		'@odata.id': `${SYSTEM}/Bios`,
		'@odata.type': '#Bios.v1_1_0.Bios',
		Id: 'BIOS',
		Name: 'BIOS Configuration',
		Description: 'BIOS Configuration Service',
		Actions: { '#Bios.ResetBios': { target: `${SYSTEM}/Bios/Actions/Bios.ResetBios` } },
	};
}

function processorRoutes(device: Device): Route[] {
	const uri = `${SYSTEM}/Processors`;
	const find = (call: Call) => {
		const index = CPUS.indexOf(call.params[1] ?? '');
		return isSystem(call) && index >= 0 ? index : undefined;
	};
	const options = { schema: 'Processor', type: 'Processor' };
	return [
		...resource(
			`${S}/Processors`,
			call =>
				isSystem(call) ? collection(uri, 'ProcessorCollection', 'Processor Collection', CPUS) : undefined,
			{ schema: 'ProcessorCollection', type: 'ComputerSystem' },
		),
		...resource(
			`${S}/Processors/{}`,
			call => {
				const index = find(call);
				return index === undefined ? undefined : withSettings(device, processor(device, index));
			},
			options,
		),
		changeMember(
			device,
			`${S}/Processors/{}`,
			CONFIGURE_COMPONENTS,
			{ LocationIndicatorActive: flag },
			call => (find(call) === undefined ? undefined : `${uri}/${call.params[1]}`),
			options,
		),
		...resource(
			`${S}/Processors/{}/SubProcessors`,
			call =>
				find(call) === undefined
					? undefined
					: collection(
							`${uri}/${call.params[1]}/SubProcessors`,
							'ProcessorCollection',
							'SubProcessor Collection',
							[],
						),
			{ schema: 'ProcessorCollection', type: 'Processor' },
		),
		...resource(
			`${S}/Processors/{}/EnvironmentMetrics`,
			call =>
				find(call) === undefined ? undefined : withSettings(device, processorMetrics(metricsOf(call))),
			{ schema: 'EnvironmentMetrics', type: 'Processor' },
		),
		changeMember(
			device,
			`${S}/Processors/{}/EnvironmentMetrics`,
			CONFIGURE_COMPONENTS,
			{ PowerLimitWatts: { SetPoint: wholeNumber(0, 1000) } },
			call => (find(call) === undefined ? undefined : metricsOf(call)),
			{ schema: 'EnvironmentMetrics', type: 'Processor' },
		),
	];
}

function metricsOf(call: Call): string {
	return `${SYSTEM}/Processors/${call.params[1]}/EnvironmentMetrics`;
}

function processorMetrics(uri: string): JsonObject {
	return {
		'@odata.id': uri,
		'@odata.type': '#EnvironmentMetrics.v1_3_0.EnvironmentMetrics',
		Id: 'EnvironmentMetrics',
		Name: 'Processor Environment Metrics',
		PowerLimitWatts: { SetPoint: 250, AllowableMin: 0, AllowableMax: 1000 },
	};
}

function processor(device: Device, index: number): JsonObject {
	const uri = `${SYSTEM}/Processors/cpu${index}`;
	return {
		'@odata.id': uri,
		'@odata.type': '#Processor.v1_18_0.Processor',
		Id: `cpu${index}`,
		Name: 'Processor',
		ProcessorType: 'CPU',
		Socket: `CPU${index}`,
		Manufacturer: device.identity.manufacturer,
		Model: 'Server Processor 32C',
		PartNumber: 'CPU-32C',
		SerialNumber: `${device.identity.serial}-CPU${index}`,
		MaxSpeedMHz: 3200,
		TotalCores: 32,
		TotalThreads: 64,
		ProcessorId: {
			EffectiveFamily: '0x06',
			EffectiveModel: '0x8f',
			IdentificationRegisters: '0x00000000000806f8',
			Step: '0x08',
		},
		Status: { Health: 'OK', State: 'Enabled' },
		SubProcessors: link(`${uri}/SubProcessors`),
	};
}

function memoryRoutes(device: Device): Route[] {
	const uri = `${SYSTEM}/Memory`;
	const find = (call: Call) =>
		isSystem(call) && DIMMS.includes(call.params[1] ?? '') ? `${uri}/${call.params[1]}` : undefined;
	return [
		...resource(
			`${S}/Memory`,
			call =>
				isSystem(call) ? collection(uri, 'MemoryCollection', 'Memory Module Collection', DIMMS) : undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/Memory/{}`,
			call => (find(call) ? withSettings(device, dimm(device, call.params[1] ?? '')) : undefined),
			{ type: 'Memory' },
		),
		changeMember(device, `${S}/Memory/{}`, CONFIGURE_COMPONENTS, { LocationIndicatorActive: flag }, find, {
			type: 'Memory',
		}),
	];
}

function dimm(device: Device, id: string): JsonObject {
	return {
		'@odata.id': `${SYSTEM}/Memory/${id}`,
		'@odata.type': '#Memory.v1_23_0.Memory',
		Id: id,
		Name: 'DIMM Slot',
		Manufacturer: device.identity.manufacturer,
		Model: 'RDIMM 32G',
		PartNumber: 'DIMM-32G',
		SparePartNumber: '',
		SerialNumber: `${device.identity.serial}-${id.toUpperCase()}`,
		FirmwareRevision: '0',
		MemoryType: 'DRAM',
		MemoryDeviceType: 'DDR5',
		BaseModuleType: 'RDIMM',
		ErrorCorrection: 'SingleBitECC',
		CapacityMiB: 32_768,
		BusWidthBits: 72,
		DataWidthBits: 64,
		RankCount: 2,
		OperatingSpeedMhz: 4800,
		AllowedSpeedsMHz: [4800],
		Status: { Health: 'OK', State: 'Enabled' },
	};
}

function storageRoutes(device: Device): Route[] {
	const uri = `${SYSTEM}/Storage`;
	const isStorage = (call: Call) => isSystem(call) && call.params[1] === '1';
	return [
		...resource(
			`${S}/Storage`,
			call =>
				isSystem(call) ? collection(uri, 'StorageCollection', 'Storage Collection', ['1']) : undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/Storage/{}`,
			call =>
				isStorage(call)
					? {
							'@odata.id': `${uri}/1`,
							'@odata.type': '#Storage.v1_13_0.Storage',
							Id: '1',
							Name: 'Storage',
							Drives: [link(`${uri}/1/Drives/drive0`), link(`${uri}/1/Drives/drive1`)],
							'Drives@odata.count': 2,
							Status: { Health: 'OK', HealthRollup: 'OK', State: 'Enabled' },
						}
					: undefined,
			{ schema: 'Storage' },
		),
		...resource(
			`${S}/Storage/{}/Drives/{}`,
			call => {
				const id = call.params[2] ?? '';
				if (!isStorage(call) || !/^drive[01]$/.test(id)) return undefined;
				return drive(device, uri, id);
			},
			{ type: 'Drive' },
		),
	];
}

function drive(device: Device, storage: string, id: string): JsonObject {
	return {
		'@odata.id': `${storage}/1/Drives/${id}`,
		'@odata.type': '#Drive.v1_7_0.Drive',
		Id: id,
		Name: id,
		Manufacturer: device.identity.manufacturer,
		Model: 'NVMe 960G',
		SerialNumber: `${device.identity.serial}-${id.toUpperCase()}`,
		MediaType: 'SSD',
		Protocol: 'NVMe',
		CapacityBytes: 960_197_124_096,
		Links: { Chassis: link('/redfish/v1/Chassis/chassis') },
		Status: { Health: id === 'drive0' ? 'Critical' : 'OK', State: 'Enabled' },
	};
}
