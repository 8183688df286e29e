import type { Account } from '../../redfish/accounts.ts';
import { createImageReader, type ImageReader, type SeenImage } from '../../redfish/image-form.ts';
import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { accepted, failed, type Outcome } from '../../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS, mayUse } from '../../redfish/privileges.ts';
import {
	listOf,
	oneOf,
	parseBody,
	type Read,
	readValues,
	type Shape,
	text,
} from '../../redfish/request-body.ts';
import { header, type RequestHead } from '../../redfish/request-head.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { parseTarget } from '../../redfish/target.ts';
import type { Device } from '../device.ts';
import { taskSummary } from '../tasks.ts';

const SERVICE = '/redfish/v1/UpdateService';
const INVENTORY = `${SERVICE}/FirmwareInventory`;
const RETRY_AFTER = 30;

export function updateRoutes(device: Device): Route[] {
	return [
		...resource(SERVICE, () => updateService(device)),
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
			const image = typeOf(call.head) === 'application/octet-stream' ? call.upload?.end()?.image : undefined;
			if (!image) return failed(400, 'UnrecognizedRequestBody');
			return update(device, call, image, 'bmc_active');
		}),
		act('POST', `${SERVICE}/update-multipart`, CONFIGURE_COMPONENTS, call => {
			if (typeOf(call.head) !== 'multipart/form-data') return failed(400, 'UnrecognizedRequestBody');
			const form = call.upload?.end();
			if (!form) return failed(400, 'MissingOrMalformedPart');
			const target = readTarget(form.parameters);
			if (!target.ok) return target.outcome;
			if (!form.image) return failed(400, 'PropertyMissing', 'UpdateFile');
			return update(device, call, form.image, target.value);
		}),
	];
}

function updateService(device: Device): JsonObject {
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
		MaxImageSizeBytes: device.maxImageBytes,
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

/** The body of an upload is not kept, since it may be large: it is read as it comes. */
export function receiveImage(head: RequestHead, { role }: Pick<Account, 'role'>): ImageReader | undefined {
	if (head.method !== 'POST' || !mayUse(role, CONFIGURE_COMPONENTS)) return undefined;
	const path = parseTarget(head.target)?.path.replace(/\/$/, '');
	if (path !== `${SERVICE}/update` && path !== `${SERVICE}/update-multipart`) return undefined;
	return createImageReader(header(head, 'content-type') ?? '');
}

const typeOf = (head: RequestHead): string | undefined =>
	header(head, 'content-type')?.split(';')[0]?.trim().toLowerCase();

/** An image's version afterwards is told by its digest, so that a test can see which it was. */
function update(device: Device, call: Call, image: SeenImage, id: string): Outcome {
	// What unpacks images there takes tar archives, and nothing else.
	if (!image.isArchive) return failed(400, 'MissingOrMalformedPart');
	const version = `image-${image.sha256.slice(0, 12)}`;
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

const parametersShape: Shape = {
	Targets: listOf(text),
	'@Redfish.OperationApplyTime': oneOf('Immediate', 'OnReset'),
};

/** The firmware that UpdateParameters name; the BMC's own when they name none. One target at most, as bmcweb has it. */
function readTarget(parameters: string | undefined): Read<string> {
	if (parameters === undefined) return { ok: true, value: 'bmc_active' };
	const parsed = parseBody(Buffer.from(parameters), 'application/json');
	const read = parsed.ok ? readValues(parsed.value, parametersShape) : parsed;
	if (!read.ok) return read;
	const targets = (read.value.get('Targets') ?? []) as string[];
	const [target = `${INVENTORY}/bmc_active`, ...more] = targets;
	const id = images.get(target);
	if (id !== undefined && more.length === 0) return { ok: true, value: id };
	const outcome = failed(400, 'PropertyValueFormatError', JSON.stringify(targets), 'Targets');
	return { ok: false, outcome };
}

const images = new Map([
	['/redfish/v1/Managers/bmc', 'bmc_active'],
	[`${INVENTORY}/bmc_active`, 'bmc_active'],
	['/redfish/v1/Systems/system/Bios', 'bios_active'],
	[`${INVENTORY}/bios_active`, 'bios_active'],
]);
