import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ProxyClient } from '../../proxy/client.ts';
import { redfishMessages } from '../../proxy/client.ts';

const link = z.looseObject({ '@odata.id': z.string() });
const collection = z.looseObject({ Members: z.array(link) });
/** ComputerSystem (DSP2046), as far as it says what kind of server it is. */
const computerSystem = z.looseObject({
	Manufacturer: z.string().nullish(),
	Model: z.string().nullish(),
	SerialNumber: z.string().nullish(),
	ProcessorSummary: z.looseObject({ Count: z.number().nullish(), CoreCount: z.number().nullish() }).nullish(),
	MemorySummary: z.looseObject({ TotalSystemMemoryGiB: z.number().nullish() }).nullish(),
	TrustedModules: z.array(z.looseObject({ InterfaceType: z.string().nullish() })).nullish(),
	Processors: link.nullish(),
	EthernetInterfaces: link.nullish(),
	Links: z.looseObject({ Chassis: z.array(link).nullish() }).nullish(),
});
const processor = z.looseObject({ Model: z.string().nullish(), ProcessorType: z.string().nullish() });
/** Resource.Location (DSP2046): where somebody has to go to. */
const chassis = z.looseObject({
	Location: z
		.looseObject({
			Placement: z.looseObject({ Rack: z.string().nullish() }).nullish(),
			PartLocation: z.looseObject({ ServiceLabel: z.string().nullish() }).nullish(),
		})
		.nullish(),
});
const ethernetInterface = z.looseObject({ Id: z.string(), MACAddress: z.string().nullish() });

export interface ServerDescription {
	/**
	 * By the names that hil's nodes are searched by; what the BMC does not show is not there. `ram` in GiB; `gpu` has the
	 * model of each; `location` is the rack where the BMC knows it, else the label of its place.
	 */
	readonly metadata: Readonly<Record<string, string | number | readonly string[]>>;
	readonly nics: readonly { readonly name: string; readonly mac: string }[];
}

/** What a server's BMC says of it, through the proxy and as far as the client's operator may see it. */
export async function describeServer(client: ProxyClient, bmc: string): Promise<ServerDescription> {
	const read = async <S extends z.ZodType>(schema: S, path: string): Promise<z.output<S>> => {
		// Links lead through the proxy: with the BMC's prefix, as clients have to follow them.
		const plain = path.replace(/^\/bmc\/[^/]+(?=\/redfish)/, '');
		const answer = await client.redfish({ bmc, method: 'GET', path: plain });
		const parsed = schema.safeParse(answer.body);
		if (answer.status === 200 && parsed.success) return parsed.data;
		const said = redfishMessages(answer.body)[0]?.message ?? 'it is not as Redfish has it';
		const status = answer.status === 200 ? 502 : answer.status;
		throw new BimetalError('ServerUnread', `${bmc} answered ${answer.status} to ${plain}: ${said}`, {
			status,
		});
	};
	const members = async (of: { '@odata.id': string } | null | undefined): Promise<string[]> =>
		of ? (await read(collection, of['@odata.id'])).Members.map(member => member['@odata.id']) : [];

	/** A chassis that the operator may not see is no reason to know nothing of the server. */
	const locationOf = async (of: { '@odata.id': string } | undefined): Promise<string | undefined> => {
		const found = of && (await read(chassis, of['@odata.id']).catch(() => undefined));
		const { Placement, PartLocation } = found?.Location ?? {};
		return Placement?.Rack ?? PartLocation?.ServiceLabel ?? undefined;
	};

	const [first = ''] = await members({ '@odata.id': '/redfish/v1/Systems' });
	const system = await read(computerSystem, first);
	const processors: z.output<typeof processor>[] = [];
	for (const path of await members(system.Processors)) processors.push(await read(processor, path));
	const ofType = (type: string): string[] =>
		processors.flatMap(({ ProcessorType, Model }) =>
			(ProcessorType ?? 'CPU') === type && Model ? [Model] : [],
		);
	const gpus = ofType('GPU');
	const nics: ServerDescription['nics'][number][] = [];
	for (const path of await members(system.EthernetInterfaces)) {
		const { Id, MACAddress } = await read(ethernetInterface, path);
		if (MACAddress) nics.push({ name: Id, mac: MACAddress });
	}
	const known = {
		manufacturer: system.Manufacturer,
		model: system.Model,
		serial: system.SerialNumber,
		cpu: ofType('CPU')[0],
		cpus: system.ProcessorSummary?.Count,
		cores: system.ProcessorSummary?.CoreCount,
		ram: system.MemorySummary?.TotalSystemMemoryGiB,
		gpu: gpus.length > 0 ? gpus : undefined,
		tpm: system.TrustedModules?.[0]?.InterfaceType,
		location: await locationOf(system.Links?.Chassis?.[0]),
	};
	const metadata = Object.entries(known).flatMap(([name, value]) =>
		value === null || value === undefined ? [] : [[name, value] as const],
	);
	return { metadata: Object.fromEntries(metadata), nics };
}
