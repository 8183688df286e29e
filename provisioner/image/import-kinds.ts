import type { Store } from '../../common/store/store.ts';
import { completeImage, forgetImage } from '../core/images.ts';
import { provisionerErrors } from '../errors.ts';
import type { Kind, Stage, StageContext } from '../operation/kind.ts';
import type { Storage } from '../storage/storage.ts';
import type { Download } from './download.ts';
import type { StagedFiles } from './staged-files.ts';

export interface ImportKindDeps {
	readonly store: Store;
	readonly storage: Storage;
	readonly staged: StagedFiles;
	readonly download: Download;
}

export const firstImportStage = 'verify';

const imageOf = ({ operation }: StageContext): string => {
	if (operation.image === null) throw new Error(`operation ${operation.kind} names no image`);
	return operation.image;
};
const given = ({ operation }: StageContext) => {
	const { staged, format, sha256 } = operation.input;
	return {
		staged: String(staged),
		format: format === 'raw' ? ('raw' as const) : ('qcow2' as const),
		sha256: typeof sha256 === 'string' ? sha256 : null,
	};
};

/** Images of files: uploaded ones (`image.import`), and those that a URL names (`image.fetch`). */
export function importKinds({
	store,
	storage,
	staged,
	download,
}: ImportKindDeps): Readonly<Record<string, Kind>> {
	const teller =
		(context: StageContext, total: number | null) =>
		(done: number): void =>
			void context.progress(done, total).catch(() => undefined);

	/** Nothing of it is left: neither file nor record. */
	const forget = async (context: StageContext): Promise<void> => {
		await staged.remove(given(context).staged);
		await store.transact(tx => forgetImage(tx, imageOf(context)));
	};

	const fetch: Stage = {
		name: 'download',
		async run(context) {
			const { staged: id } = given(context);
			await staged.make(id);
			const onBytes = (done: number, total: number | null): void => teller(context, total)(done);
			await download(String(context.operation.input.url), id, { signal: context.signal, onBytes });
		},
		undo: forget,
	};

	const verify: Stage = {
		name: 'verify',
		async run(context) {
			const { staged: id, sha256: wanted } = given(context);
			// A later stage removes the file; this one has been over then.
			const total = await staged.kept(id);
			if (total === null) throw provisionerErrors.ImageRefused('The file that came is not there any more.');
			const onBytes = teller(context, total);
			const sha256 = await staged.digest(id, { signal: context.signal, onBytes });
			if (wanted !== null && wanted !== sha256) {
				throw provisionerErrors.ChecksumWrong(`What came has SHA-256 ${sha256}, not ${wanted}.`);
			}
			await context.keep({ sha256 });
		},
		undo: forget,
	};

	const takeIn: Stage = {
		name: 'take in',
		async run(context) {
			const { staged: id, format } = given(context);
			const image = imageOf(context);
			const { sha256 } = context.operation.output;
			const made = await storage.create(
				image,
				{ from: 'file', file: staged.pathOf(id), format },
				{
					signal: context.signal,
					onProgress: (done, total) => void context.progress(done, total).catch(() => undefined),
				},
			);
			await store.transact(tx => completeImage(tx, image, { ...made, sha256: String(sha256) }));
			await staged.remove(id);
		},
		undo: context => storage.remove(imageOf(context)),
	};

	return {
		/** `image` is what the file `input.staged` holds, which is of `input.format`; `input.sha256` may say what it must be. */
		'image.import': { stages: [verify, takeIn] },
		/** The same for what is at `input.url`. */
		'image.fetch': { stages: [fetch, verify, takeIn] },
	};
}
