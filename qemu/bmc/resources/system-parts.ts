import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { done, notFound, type Outcome } from '../../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS, type Requirement } from '../../redfish/privileges.ts';
import { flag, type Shape, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { changeSettings, type Device, withSettings } from '../device.ts';
import type { Drive, MemoryModule, Processor } from '../host.ts';
import { isSystem, SYSTEM } from './systems.ts';

const S = '/redfish/v1/Systems/{}';

const ids = (prefix: string, of: readonly unknown[]): string[] => of.map((_, index) => `${prefix}${index}`);

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
	const cpus = ids('cpu', device.host.hardware.processors);
	const find = (call: Call) => {
		const index = cpus.indexOf(call.params[1] ?? '');
		return isSystem(call) && index >= 0 ? index : undefined;
	};
	const options = { schema: 'Processor', type: 'Processor' };
	return [
		...resource(
			`${S}/Processors`,
			call =>
				isSystem(call) ? collection(uri, 'ProcessorCollection', 'Processor Collection', cpus) : undefined,
			{ schema: 'ProcessorCollection', type: 'ComputerSystem' },
		),
		...resource(
			`${S}/Processors/{}`,
			call => {
				const index = find(call);
				const part = index === undefined ? undefined : device.host.hardware.processors[index];
				return part && index !== undefined ? withSettings(device, processor(device, index, part)) : undefined;
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

function processor(device: Device, index: number, part: Processor): JsonObject {
	const uri = `${SYSTEM}/Processors/cpu${index}`;
	return {
		'@odata.id': uri,
		'@odata.type': '#Processor.v1_18_0.Processor',
		Id: `cpu${index}`,
		Name: 'Processor',
		ProcessorType: 'CPU',
		Socket: `CPU${index}`,
		Manufacturer: device.identity.manufacturer,
		Model: part.model,
		PartNumber: part.partNumber,
		SerialNumber: `${device.identity.serial}-CPU${index}`,
		MaxSpeedMHz: part.maxSpeedMHz,
		TotalCores: part.cores,
		TotalThreads: part.threads,
		ProcessorId: {
			EffectiveFamily: part.id.family,
			EffectiveModel: part.id.model,
			IdentificationRegisters: part.id.registers,
			Step: part.id.step,
		},
		Status: { Health: 'OK', State: 'Enabled' },
		SubProcessors: link(`${uri}/SubProcessors`),
	};
}

function memoryRoutes(device: Device): Route[] {
	const uri = `${SYSTEM}/Memory`;
	const dimms = ids('dimm', device.host.hardware.memory);
	const module = (call: Call) =>
		isSystem(call) ? device.host.hardware.memory[dimms.indexOf(call.params[1] ?? '')] : undefined;
	const find = (call: Call) => (module(call) ? `${uri}/${call.params[1]}` : undefined);
	return [
		...resource(
			`${S}/Memory`,
			call =>
				isSystem(call) ? collection(uri, 'MemoryCollection', 'Memory Module Collection', dimms) : undefined,
			{ type: 'ComputerSystem' },
		),
		...resource(
			`${S}/Memory/{}`,
			call => {
				const part = module(call);
				return part && withSettings(device, dimm(device, call.params[1] ?? '', part));
			},
			{ type: 'Memory' },
		),
		changeMember(device, `${S}/Memory/{}`, CONFIGURE_COMPONENTS, { LocationIndicatorActive: flag }, find, {
			type: 'Memory',
		}),
	];
}

function dimm(device: Device, id: string, part: MemoryModule): JsonObject {
	return {
		'@odata.id': `${SYSTEM}/Memory/${id}`,
		'@odata.type': '#Memory.v1_23_0.Memory',
		Id: id,
		Name: 'DIMM Slot',
		Manufacturer: device.identity.manufacturer,
		Model: part.model,
		PartNumber: part.partNumber,
		SparePartNumber: '',
		SerialNumber: `${device.identity.serial}-${id.toUpperCase()}`,
		FirmwareRevision: '0',
		MemoryType: 'DRAM',
		MemoryDeviceType: 'DDR5',
		BaseModuleType: 'RDIMM',
		ErrorCorrection: 'SingleBitECC',
		CapacityMiB: part.capacityMiB,
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
	const drives = ids('drive', device.host.hardware.drives);
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
							Drives: drives.map(id => link(`${uri}/1/Drives/${id}`)),
							'Drives@odata.count': drives.length,
							Status: { Health: 'OK', HealthRollup: 'OK', State: 'Enabled' },
						}
					: undefined,
			{ schema: 'Storage' },
		),
		...resource(
			`${S}/Storage/{}/Drives/{}`,
			call => {
				const id = call.params[2] ?? '';
				const part = isStorage(call) ? device.host.hardware.drives[drives.indexOf(id)] : undefined;
				return part && drive(device, uri, id, part);
			},
			{ type: 'Drive' },
		),
	];
}

function drive(device: Device, storage: string, id: string, part: Drive): JsonObject {
	return {
		'@odata.id': `${storage}/1/Drives/${id}`,
		'@odata.type': '#Drive.v1_7_0.Drive',
		Id: id,
		Name: id,
		Manufacturer: device.identity.manufacturer,
		Model: part.model,
		SerialNumber: `${device.identity.serial}-${id.toUpperCase()}`,
		MediaType: part.mediaType,
		Protocol: part.protocol,
		CapacityBytes: part.capacityBytes,
		Links: { Chassis: link('/redfish/v1/Chassis/chassis') },
		Status: { Health: part.health, State: 'Enabled' },
	};
}
