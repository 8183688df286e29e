import { stringify } from 'yaml';
import { type ConnectionOptions, withConnection } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { printJson } from '../output.ts';
import { describeServer } from '../rack/describe-server.ts';
import { visible } from '../visible.ts';

/** `bimetal bmc describe [NAME…]`: what the BMCs say of their servers, as the nodes of a rack file. */
export const describeBmcs = (
	context: CliContext,
	names: readonly string[],
	options: ConnectionOptions & { readonly json?: boolean },
): Promise<number> =>
	withConnection(context, options, async ({ client, url }) => {
		const wanted = names.length > 0 ? names : (await client.bmcs()).map(({ name }) => name);
		const nodes: Record<string, unknown> = {};
		for (const name of wanted) {
			const { metadata, nics } = await describeServer(client, name);
			nodes[name] = {
				management: `${url}/bmc/${encodeURIComponent(name)}`,
				metadata,
				nics: Object.fromEntries(nics.map(({ name: nic, mac }) => [nic, { mac }])),
			};
		}
		if (options.json) printJson(context, { nodes });
		else context.stdout.write(visible(stringify({ nodes }), { multiline: true }));
		return 0;
	});
