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
});
const processor = z.looseObject({ Model: z.string().nullish() });
const ethernetInterface = z.looseObject({ Id: z.string(), MACAddress: z.string().nullish() });

export interface ServerDescription {
	/** By the names that hil's nodes are searched by; what the BMC does not show is not there. `ram` in GiB. */
	readonly metadata: Readonly<Record<string, string | number>>;
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

	const [first = ''] = await members({ '@odata.id': '/redfish/v1/Systems' });
	const system = await read(computerSystem, first);
	const [cpu] = await members(system.Processors);
	const nics: ServerDescription['nics'][number][] = [];
	for (const path of await members(system.EthernetInterfaces)) {
		const { Id, MACAddress } = await read(ethernetInterface, path);
		if (MACAddress) nics.push({ name: Id, mac: MACAddress });
	}
	const known = {
		manufacturer: system.Manufacturer,
		model: system.Model,
		serial: system.SerialNumber,
		cpu: cpu === undefined ? undefined : (await read(processor, cpu)).Model,
		cpus: system.ProcessorSummary?.Count,
		cores: system.ProcessorSummary?.CoreCount,
		ram: system.MemorySummary?.TotalSystemMemoryGiB,
		tpm: system.TrustedModules?.[0]?.InterfaceType,
	};
	const metadata = Object.entries(known).flatMap(([name, value]) =>
		value === null || value === undefined ? [] : [[name, value] as const],
	);
	return { metadata: Object.fromEntries(metadata), nics };
}
