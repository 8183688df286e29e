import { createHash } from 'node:crypto';
import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { accepted, failed, type Outcome } from '../../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS } from '../../redfish/privileges.ts';
import { header } from '../../redfish/request-head.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import type { Device } from '../device.ts';
import { taskSummary } from '../tasks.ts';

const SERVICE = '/redfish/v1/UpdateService';
const INVENTORY = `${SERVICE}/FirmwareInventory`;
const RETRY_AFTER = 30;

export function updateRoutes(device: Device): Route[] {
	return [
		...resource(SERVICE, updateService),
		...resource(INVENTORY, () =>
			collection(
				INVENTORY,
				'SoftwareInventoryCollection',
				'Software Inventory Collection',
				Object.keys(device.state.firmware),
			),
		),
		...resource(
			`${INVENTORY}/{}`,
			({ params: [id = ''] }) =>
				Object.hasOwn(device.state.firmware, id) ? showFirmware(device, id) : undefined,
			{ type: 'SoftwareInventory' },
		),
		act('POST', `${SERVICE}/update`, CONFIGURE_COMPONENTS, call => {
			const type = header(call.head, 'content-type')?.split(';')[0]?.trim();
			if (type !== 'application/octet-stream') return failed(400, 'UnrecognizedRequestBody');
			return update(device, call, call.body, 'bmc_active');
		}),
		act('POST', `${SERVICE}/update-multipart`, CONFIGURE_COMPONENTS, call => {
			const form = readForm(call);
			if (!form) return failed(400, 'UnrecognizedRequestBody');
			if (!form.image) return failed(400, 'PropertyMissing', 'UpdateFile');
			const target = form.targets.at(-1) ?? `${INVENTORY}/bmc_active`;
			const id = target.endsWith('/Bios') || target.endsWith('/bios_active') ? 'bios_active' : 'bmc_active';
			return update(device, call, form.image, id);
		}),
	];
}

function updateService(): JsonObject {
	return {
		'@odata.id': SERVICE,
		'@odata.type': '#UpdateService.v1_11_1.UpdateService',
		Id: 'UpdateService',
		Name: 'Update Service',
		Description: 'Service for Software Update',
		ServiceEnabled: true,
		FirmwareInventory: link(INVENTORY),
		HttpPushUri: `${SERVICE}/update`,
		HttpPushUriOptions: { HttpPushUriApplyTime: { ApplyTime: 'Immediate' } },
		MultipartHttpPushUri: `${SERVICE}/update-multipart`,
		MaxImageSizeBytes: 31_457_280,
	};
}

function showFirmware(device: Device, id: string): JsonObject {
	const [what, related] =
		id === 'bmc_active'
			? ['BMC image', '/redfish/v1/Managers/bmc']
			: ['Host image', '/redfish/v1/Systems/system/Bios'];
	return {
		'@odata.id': `${INVENTORY}/${id}`,
		'@odata.type': '#SoftwareInventory.v1_1_0.SoftwareInventory',
		Id: id,
		Name: 'Software Inventory',
		Description: what,
		Version: device.state.firmware[id] ?? '',
		Updateable: false,
		RelatedItem: [link(related)],
		'RelatedItem@odata.count': 1,
		Status: { Health: 'OK', HealthRollup: 'OK', State: 'Enabled' },
	};
}

/** Takes any bytes for an image; its version afterwards is told by their digest, so that a test can see which. */
function update(device: Device, call: Call, image: Buffer, id: string): Outcome {
	const version = `image-${createHash('sha256').update(image).digest('hex').slice(0, 12)}`;
	const task = device.tasks.start(call, `Update of ${id}`, () => {
		device.state.firmware[id] = version;
		device.report({
			severity: 'OK',
			messageId: 'OpenBMC.0.5.FirmwareUpdateCompleted',
			message: `The firmware ${id} was updated to ${version}.`,
			args: [id, version],
		});
	});
	return accepted(taskSummary(task), `/redfish/v1/TaskService/TaskMonitors/${task.id}`, RETRY_AFTER);
}

interface Form {
	image: Buffer | undefined;
	targets: string[];
}

/** Reads multipart/form-data (RFC 7578) with the two parts that the specification names. */
function readForm(call: Call): Form | undefined {
	const type = header(call.head, 'content-type') ?? '';
	const boundary = /^multipart\/form-data\s*;.*?boundary="?([^";]{1,70})"?/i.exec(type)?.[1];
	if (boundary === undefined) return undefined;
	const form: Form = { image: undefined, targets: [] };
	const mark = Buffer.from(`--${boundary}`);
	let at = call.body.indexOf(mark);
	while (at >= 0) {
		const start = at + mark.length;
		const next = call.body.indexOf(mark, start);
		if (next < 0) break;
		readPart(call.body.subarray(start, next), form);
		at = next;
	}
	return form;
}

function readPart(part: Buffer, form: Form): void {
	const end = part.indexOf('\r\n\r\n');
	if (end < 0) return;
	const name = /name="([^"]*)"/i.exec(part.toString('latin1', 0, end))?.[1];
	const content = part.subarray(end + 4, part.length - 2);
	if (name === 'UpdateFile') form.image = content;
	if (name !== 'UpdateParameters') return;
	try {
		const parameters = JSON.parse(content.toString('utf8')) as { Targets?: unknown };
		if (Array.isArray(parameters.Targets)) form.targets = parameters.Targets.map(String);
	} catch {
		form.targets = [];
	}
}
