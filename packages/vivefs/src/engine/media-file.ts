/** Media that a file describes, and pictures of what lies on them: `@vivefs/lsm`, loaded when somebody asks. */

/** `openMediaFile`, `mapPage`, `mapRows` and `mapCell` of lsm. */
export async function mapTools(): Promise<
  Pick<typeof import('@vivefs/lsm'), 'openMediaFile' | 'mapPage' | 'mapRows' | 'mapCell'>
> {
  return await import('@vivefs/lsm')
}
