import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { verifyEvidence } from '../../attest/evidence/verify-evidence.ts';
import { endorsementTrust, verifierKey } from '../attest/evidence-trust.ts';
import { readNamedFile } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { dateText, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

export interface VerifyEvidenceOptions {
	readonly key?: string;
	readonly roots?: readonly string[];
	readonly json?: boolean;
}

/** `bimetal attest verify EVIDENCE`: 0 when every round comes out as it was recorded. */
export async function verifyEvidenceFile(
	context: CliContext,
	file: string,
	options: VerifyEvidenceOptions,
): Promise<number> {
	const trusted = options.key === undefined ? undefined : await verifierKey(context, options.key);
	const evidence = readEvidence(await readNamedFile(context, file, 'evidence'), trusted);
	const trust = options.roots && endorsementTrust(context, options.roots);
	const { rounds, chain, problems, thinned } = verifyEvidence(evidence, trust);
	const { id, node, project, state } = evidence.head.admission;
	if (options.json)
		printJson(context, { id, node, project, state, rounds, chain: chain ?? null, problems, thinned });
	else {
		const paint = painter(context);
		await printTable(
			context,
			['ROUND', 'AT', 'RECORDED', 'NOW'],
			rounds.map(({ number, at, recorded, found }) => [
				String(number),
				dateText(new Date(at).toISOString()),
				visible(recorded),
				recorded === found ? visible(found) : paint('red', visible(found)),
			]),
		);
		printLine(context);
		const last = rounds.findLast(({ reason }) => reason !== null);
		printFields(context, [
			['node', visible(`${node} of project ${project}, ${state}`)],
			['admission', visible(id)],
			['signed by', trusted ? 'the key given' : 'the key that the file names itself (--key FILE)'],
			['endorsement key', chain ? visible(chain.join(' ← ')) : 'not looked at (--roots FILE)'],
			...(thinned > 0 ? [['not kept', `${thinned} good rounds in which nothing was new`] as const] : []),
			...(last?.reason ? [['last refusal', visible(`${last.found}: ${last.reason}`)] as const] : []),
			...problems.map(text => [paint('red', 'wrong'), visible(text)] as const),
		]);
	}
	return problems.length === 0 ? 0 : exitCodes.found.code;
}
