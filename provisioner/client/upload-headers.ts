/** Of an upload that begins (tus 1.0.0, "Creation"). */
export function uploadHeaders({
	length,
	...metadata
}: { readonly length: number } & Readonly<Record<string, string | number | undefined>>): Record<
	string,
	string
> {
	const pairs = Object.entries(metadata)
		.filter(([, value]) => value !== undefined)
		.map(([key, value]) => `${key} ${Buffer.from(String(value)).toString('base64')}`);
	return {
		'tus-resumable': '1.0.0',
		'upload-length': String(length),
		'upload-metadata': pairs.join(','),
	};
}
