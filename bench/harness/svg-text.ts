/** Parts that the charts have in common. */
export const text = (x: number, y: number, content: string, attributes: string): string =>
	`<text x="${round(x)}" y="${round(y)}" ${attributes}>${escapeXml(content)}</text>`;

export const round = (value: number): number => Math.round(value * 10) / 10;

/** 1, 2 or 5 times a power of ten, not below `least`. */
export function niceStep(least: number): number {
	const power = 10 ** Math.floor(Math.log10(least));
	return (([1, 2, 5].find(factor => factor * power >= least) ?? 10) as number) * power;
}

export const escapeXml = (content: string): string =>
	content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
